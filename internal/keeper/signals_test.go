//go:build linux

package keeper

import (
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Nobody takes the signals for a while, and then none of any kind is missing.
func TestNoSignalIsKeptOut(t *testing.T) {
	s := catchSignals()
	for range 100 {
		if err := unix.Kill(os.Getpid(), unix.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	for _, sig := range []syscall.Signal{unix.SIGUSR1, unix.SIGUSR2, unix.SIGTERM} {
		if err := unix.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
	}
	for want, c := range map[os.Signal]<-chan os.Signal{
		unix.SIGHUP: s.hangUp, unix.SIGUSR1: s.reopen, unix.SIGUSR2: s.upgrade, unix.SIGTERM: s.stop,
	} {
		select {
		case got := <-c:
			if got != want {
				t.Errorf("%v came for %v", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%v is lost", want)
		}
	}
}
