package archive

import (
	"syscall"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// TestShortageIsNoGap reads what is on disk while there is no descriptor for it.
func TestShortageIsNoGap(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir, Limits{})
	_, out, err := k.start(1)
	out.Write([]byte("kept\n"))
	out.Close()
	err.Close()
	must(t, k.Close())
	k = open(t, dir, Limits{})
	defer k.Close()
	kept := streams.Archived(k.Files("app:web")[0].Stdout())

	var before, none syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before))
	none.Max = before.Max
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
	restored := make(chan error)
	time.AfterFunc(2*openPause, func() { restored <- syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) })
	got, missed := all(t, kept, 0)
	must(t, <-restored)
	if string(got) != "kept\n" || missed > 0 {
		t.Errorf("got %q, and %d bytes were missing", got, missed)
	}
}
