package config_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/gafferd/gaffer/internal/config"
)

// TestIncludedPipe holds that nobody waits for what may never come.
func TestIncludedPipe(t *testing.T) {
	for _, key := range []string{"include = apps/pipe.ini", "include_dir = apps"} {
		unpack(t, txtar.Parse([]byte("-- gaffer.ini --\n[gaffer]\n"+key+"\n-- apps/web.ini --\n")))
		if err := syscall.Mkfifo("apps/pipe.ini", 0o600); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := config.Load("gaffer.ini")
			done <- err
		}()
		select {
		case err := <-done:
			if want := "read apps/pipe.ini: not a regular file"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", key, err, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: it waits", key)
		}
	}
}

// TestHiddenFilesAreNotIncluded has what Emacs leaves beside a file that is being
// changed: a link to nowhere.
func TestHiddenFilesAreNotIncluded(t *testing.T) {
	unpack(t, txtar.Parse([]byte("-- gaffer.ini --\n[gaffer]\ninclude_dir = apps\n-- apps/.old.yaml --\nwrong\n-- apps/web.ini --\n[process:web]\ncmd = ./web\n")))
	if err := os.Symlink("me@here.4711:1", "apps/.#web.ini"); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load("gaffer.ini")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Templates) != 1 {
		t.Errorf("processes %v", c.Templates)
	}
}
