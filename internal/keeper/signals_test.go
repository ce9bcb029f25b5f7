//go:build linux

package keeper

import (
	"fmt"
	"io"
	"os"
	"strings"
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

// No thread of the keeper wakes up for a child that has ended.
func TestNoHandlerForSIGCHLD(t *testing.T) {
	t.Parallel()
	d := startKeeper(t, "late")
	d.expect("late")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "SigCgt:")
	var caught uint64
	if _, err := fmt.Sscanf(rest, "%x", &caught); err != nil {
		t.Fatal(err)
	}
	if caught>>(unix.SIGTERM-1)&1 != 1 || caught>>(unix.SIGCHLD-1)&1 != 0 {
		t.Errorf("the keeper catches %x", caught)
	}
	d.cmd.Process.Signal(syscall.SIGHUP)
	io.WriteString(d.stdin, "go\n")
	d.expect("got hangup")
	d.exit()
}
