package config_test

import (
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/gafferd/gaffer/internal/config"
)

// TestLeadingZeros holds that a number is the same in both spellings.
func TestLeadingZeros(t *testing.T) {
	for name, text := range map[string]string{
		"gaffer.ini":  "[process:web]\ncmd = ./web\ngraceful_timeout = 010\nnumprocesses = 007\nbackoff = 1, 060\numask = 022\nrlimits = nofile=0100\n",
		"gaffer.yaml": "processes:\n  web:\n    cmd: ./web\n    graceful_timeout: 010\n    numprocesses: 007\n    backoff: {initial: 1, max: 060}\n    umask: 022\n    rlimits: {nofile: 0100}\n",
	} {
		unpack(t, txtar.Parse([]byte("-- "+name+" --\n"+text)))
		c, err := config.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		w := c.Templates[0]
		if w.GracefulTimeout != 10*time.Second || w.NumProcesses != 7 || w.Backoff.Max != time.Minute || w.Umask != 0o22 || w.Rlimits["nofile"].Soft != 100 {
			t.Errorf("%s: %v to stop, %d instances, pauses to %v, umask %o, %d files; want 10s, 7, 1m, 22, 100",
				name, w.GracefulTimeout, w.NumProcesses, w.Backoff.Max, w.Umask, w.Rlimits["nofile"].Soft)
		}
	}
}
