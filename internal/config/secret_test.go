package config_test

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/gafferd/gaffer/internal/config"
)

// TestSecretsAreNotShown has mistakes in lines with secrets. What is said of them goes
// to the log, and over the API to whoever may reload.
func TestSecretsAreNotShown(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"a.ini", "[process:w]\ncmd = ./w\n  env:TOKEN = hunter2\n"},
		{"b.ini", "[process:w]\ncmd = ./w\nenv:TOKEN hunter2\n"},
		{"c.ini", "[process:w]\ncmd = ./w\n= hunter2\n"},
		{"d.ini", "[process:w]\ncmd = ./w\nenv:TOKEN = hun${hunter2\n"},
		{"e.ini", "[process:w]\ncmd = ./w\nenv:TOKEN = hun${hunter2-}\n"},
		{"f.ini", "[env:w]\nTOKEN: hunter2\n"},
		{"g.ini", "[process:w]\ncmd = ./w\n[env:w] TOKEN = hunter2\n"},
		{"h.ini", "[webhooks]\nexit = http://a/b\nsecret:exit hunter2\n"},
		{"i.ini", "[webhooks]\nexit = hooks.example.org/hunter2\n"},
		{"a.yaml", "processes:\n  w:\n    cmd: ./w\n    env: hunter2\n"},
		{"b.yaml", "processes:\n  w:\n    cmd: ./w\n    env:\n      A: b\n      TOKEN hunter2\n"},
		{"c.yaml", "processes:\n  w:\n    cmd: ./w\n    env: {TOKEN: [hunter2]}\n"},
		{"d.yaml", "webhooks:\n  exit: {url: http://a/b, secret: [hunter2]}\n"},
		{"e.yaml", "TOKEN=hunter2\n"},
	} {
		unpack(t, txtar.Parse([]byte("-- "+c.name+" --\n"+c.text)))
		said := ""
		conf, err := config.Load(c.name)
		if err != nil {
			said = err.Error()
		} else {
			for _, w := range conf.Warnings {
				said += w.Error()
			}
		}
		if said == "" || strings.Contains(said, "hunter2") {
			t.Errorf("%q: %q is said", c.text, said)
		}
	}
}
