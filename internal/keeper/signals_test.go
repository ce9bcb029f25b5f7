//go:build linux

package keeper

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
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

func init() { workers["heedless"] = heedless }

// heedless says which signals it gets, and acts on none but one to stop.
func heedless() int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	c := connect()
	n, _ := c.Worker()
	c.Ready()
	say("worker %d %d", n, os.Getpid())
	for s := range signals {
		say("%d got %v", n, s)
		if s == syscall.SIGTERM {
			break
		}
	}
	c.Leave(0)
	return 0
}

// TestSignalOfADyingWorker kills a worker that was told of signals and has not acted
// on them. The next one is told of them, and the one after that is not.
func TestSignalOfADyingWorker(t *testing.T) {
	t.Parallel()
	d := startKeeper(t, "heedless")
	pid, err := strconv.Atoi(d.expect("worker 1"))
	if err != nil {
		t.Fatal(err)
	}
	signals := []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}
	for _, s := range signals {
		d.cmd.Process.Signal(s)
		d.expect("1 got " + s.String())
	}
	unix.Kill(pid, unix.SIGKILL)
	next := d.expect("worker 2")
	var got, want []string
	for _, s := range signals {
		got, want = append(got, d.expect("2 got ")), append(want, s.String())
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the next worker got %q, want %q", got, want)
	}
	pid, _ = strconv.Atoi(next)
	unix.Kill(pid, unix.SIGKILL) // of that very signal, for all that is known
	d.expect("worker 3")
	d.cmd.Process.Signal(syscall.SIGTERM)
	if got := d.expect("3 got "); got != "terminated" {
		t.Errorf("the worker after that got %s", got)
	}
	d.exit()
}

// TestWhatAWorkerHasActedOn is known by what it says later, and of an upgrade by that
// being under way.
func TestWhatAWorkerHasActedOn(t *testing.T) {
	told := map[os.Signal]time.Time{syscall.SIGUSR2: time.Now()}
	w, k := &worker{told: told}, &keeper{}
	w.beat(time.Now()) // said before the signal, perhaps
	k.unheeded(w)
	if !slices.Equal(k.missed, []os.Signal{syscall.SIGUSR2}) {
		t.Errorf("the next worker is told of %v", k.missed)
	}
	k = &keeper{candidate: &worker{}}
	k.unheeded(w)
	k.candidate = nil
	w.beat(time.Now().Add(2 * underWay))
	k.unheeded(w)
	if len(k.missed) > 0 {
		t.Errorf("the next worker is told of %v again", k.missed)
	}
}

// A child is told to stop once, with those that descend from it, and also if the keeper has
// no descriptors for these.
func TestTellOthers(t *testing.T) {
	start := func() (cmd *exec.Cmd, pidfd int) {
		cmd = exec.Command("sleep", "1000")
		cmd.SysProcAttr = &syscall.SysProcAttr{PidFD: &pidfd, Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, pidfd
	}
	signal := func(cmd *exec.Cmd) syscall.Signal {
		cmd.Wait()
		return cmd.ProcessState.Sys().(syscall.WaitStatus).Signal()
	}
	w := &worker{}
	told := message{kind: tell, id: 1, a: int64(unix.SIGTERM)}
	for _, short := range []bool{false, true} {
		leader, pidfd := start()
		other, below := start()
		k := &keeper{children: map[uint64]*childEntry{1: {pid: leader.Process.Pid, pidfd: pidfd}}}
		m := told
		m.short, m.files = short, []int{below}
		k.receive(w, m, nil)
		if s := signal(leader); s != syscall.SIGTERM {
			t.Errorf("the leader got %v", s)
		}
		if s := signal(other); s != syscall.SIGTERM {
			t.Errorf("what it has started got %v", s)
		}
		unix.Close(pidfd)
	}
	leader, pidfd := start()
	again, below := start()
	defer unix.Close(pidfd)
	k := &keeper{children: map[uint64]*childEntry{1: {pid: leader.Process.Pid, pidfd: pidfd, told: true}}}
	told.files = []int{below}
	k.receive(w, told, nil)
	unix.Kill(leader.Process.Pid, syscall.SIGKILL)
	unix.Kill(again.Process.Pid, syscall.SIGKILL)
	if a, b := signal(leader), signal(again); a != syscall.SIGKILL || b != syscall.SIGKILL {
		t.Errorf("what was told before got %v and %v", a, b)
	}
}
