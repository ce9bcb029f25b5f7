package webhooks

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDamagedFiles starts where files cannot be used. What they hold is kept, and so is
// what was to be delivered to the hooks that are not known any more.
func TestDamagedFiles(t *testing.T) {
	const good = `{"event": "exit", "url": "http://127.0.0.1:1/"}`
	journal := idOf(Hook{Event: "exit", URL: "http://127.0.0.1:1/"}) + journalSuffix
	for name, c := range map[string]struct {
		hooks   string
		started int
		aside   string
	}{
		"later":      {`{"version": 2, "hooks": []}`, 0, hooksFile},
		"zeros":      {strings.Repeat("\x00", 100), 0, hooksFile},
		"one of two": {`{"version": 1, "hooks": [{"event": "nosuch", "url": "http://127.0.0.1:1/"}, ` + good + `]}`, 1, hooksFile},
		"a journal":  {`{"version": 1, "hooks": [` + good + `]}`, 1, journal},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, hooksFile), []byte(c.hooks), 0o600); err != nil {
				t.Fatal(err)
			}
			if c.aside == journal {
				os.Mkdir(filepath.Join(dir, journal), 0o700) // which reads as no file does
			} else if err := os.WriteFile(filepath.Join(dir, journal), []byte(`{"seen":1}`), 0o600); err != nil {
				t.Fatal(err)
			}
			log := &logged{}
			w, _ := started(t, Options{Folder: folder(t, dir), Logger: slog.New(slog.NewTextHandler(log, nil))}, nil)
			if n := len(w.List()); n != c.started {
				t.Errorf("%d webhooks have started, want %d", n, c.started)
			}
			if text, err := os.ReadFile(filepath.Join(dir, hooksFile+".damaged")); c.aside == hooksFile && (err != nil || string(text) != c.hooks) {
				t.Errorf("kept is %q, %v", text, err)
			}
			if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "as="+c.aside+".damaged") {
				t.Errorf("the log is\n%s", text)
			}
			if _, err := os.Stat(filepath.Join(dir, journal)); err != nil {
				t.Errorf("the journal is gone: %v", err)
			}
			if _, err := w.Add(Hook{Event: "spawn", URL: "http://127.0.0.1:1/"}); err != nil {
				t.Error(err)
			}
		})
	}
}
