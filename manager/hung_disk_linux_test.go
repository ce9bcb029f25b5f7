package manager

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestShutdownOnAHungDisk holds that processes are stopped also if nothing can be saved,
// and that it is said what does not end.
func TestShutdownOnAHungDisk(t *testing.T) {
	dir := t.TempDir()
	state, err := OpenState(t.Context(), dir, StateOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := new(fakeLauncher)
	m := New(Options{Launcher: l, State: state, Environ: []string{}})
	if _, err := m.Restore(); err != nil {
		t.Fatal(err)
	}
	o, err := m.Create(quiet("web"))
	must(t, err)
	<-o.Done()
	must(t, m.Saved(t.Context()))
	saved := func(dir string) string {
		text, err := os.ReadFile(filepath.Join(dir, templatesFile))
		must(t, err)
		return string(text)
	}
	before := saved(dir)

	// Whoever opens a FIFO to write waits until somebody reads.
	hung, aside := filepath.Join(dir, runningFile+".new"), filepath.Join(dir, "aside")
	must(t, syscall.Mkfifo(hung, 0o600))
	m.saver.changed()
	answer := func() {
		must(t, os.Rename(hung, aside))
		reader, err := os.OpenFile(aside, os.O_RDWR, 0)
		must(t, err)
		reader.Close()
	}
	down := make(chan error, 1)
	go func() { down <- m.Shutdown(context.Background()) }()
	until(t, "all is stopped", func() bool { return len(l.alive()) == 0 })
	until(t, "the disk is what is waited for", m.saver.hangs)
	if err := m.stuck(); !strings.Contains(err.Error(), "disk") {
		t.Errorf("it says %v", err)
	}
	answer()
	must(t, <-down)
	must(t, state.Close())
	if after := saved(dir); after != before {
		t.Errorf("saved are %s, want %s", after, before)
	}
}
