package config_test

import (
	"testing"

	"github.com/gafferd/gaffer/internal/config"
)

func TestParseAddress(t *testing.T) {
	for _, c := range []struct{ written, want string }{
		{"127.0.0.1:5000", "127.0.0.1:5000"},
		{"localhost:0", "localhost:0"},
		{"[::1]:5000", "[::1]:5000"},
		{":5000", ":5000"},
		{"unix:/run/gaffer.sock", "unix:/run/gaffer.sock"},
		{"unix:///run/gaffer.sock", "unix:/run/gaffer.sock"},
		{"UNIX:gaffer.sock", "unix:/srv/gaffer.sock"},
		{"5000", ""},
		{"127.0.0.1", ""},
		{"::1:5000", ""},
		{"127.0.0.1:", ""},
		{"127.0.0.1:-1", ""},
		{"127.0.0.1:65536", ""},
		{"http://127.0.0.1:5000", ""},
		{"unix:", ""},
		{"", ""},
	} {
		got, err := config.ParseAddress(c.written, "/srv")
		if err != nil && c.want != "" || err == nil && got.String() != c.want {
			t.Errorf("ParseAddress(%q) = %v, %v; want %q", c.written, got, err, c.want)
		}
	}
}
