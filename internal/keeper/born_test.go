//go:build linux

package keeper

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A child whose end nobody would hear of, for want of memory in the kernel, is one
// that could not be started, and not one that runs for ever.
func TestChildThatCannotBeAwaited(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	poll, err := r.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	r.Close() // from now on it fails
	pidfd := -1
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{PidFD: &pidfd}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	k := &keeper{poll: poll, pending: 1, children: map[uint64]*childEntry{1: {pidfd: -1}}}
	k.born(birth{id: 1, pid: cmd.Process.Pid, pidfd: pidfd})
	if len(k.children) > 0 {
		t.Error("it is taken for one that runs")
	}
	cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() {
		t.Errorf("it ended with %v", status)
	}
}

// Without a worker that could stop them, the keeper ends with its last child.
func TestAbandon(t *testing.T) {
	pidfd := -1
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{PidFD: &pidfd, Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer unix.Close(pidfd)
	k := &keeper{done: make(chan struct{}), children: map[uint64]*childEntry{1: {pid: cmd.Process.Pid, pidfd: pidfd}}}
	k.abandon()
	if k.over {
		t.Error("it ends before its child")
	}
	polls := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	if n, err := unix.Poll(polls, 20_000); n != 1 {
		t.Fatalf("the child has not ended: %v", err)
	}
	k.ended(1)
	if !k.over || k.code == 0 {
		t.Errorf("it is over: %v, with the code %d", k.over, k.code)
	}
}

// What a helper is to execute, once a disk answers, does not begin when the keeper is gone
// or nobody knows of it any more. Meanwhile orphans are reaped.
func TestHelperIsKilled(t *testing.T) {
	for name, over := range map[string]func(k *keeper){
		"the keeper ends":      func(k *keeper) { k.end(0) },
		"the child is let go":  func(k *keeper) { k.release(1, true) },
		"no worker can be run": func(k *keeper) { k.abandon() },
	} {
		pidfd := -1
		cmd := exec.Command("sleep", "1000")
		cmd.SysProcAttr = &syscall.SysProcAttr{PidFD: &pidfd}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		hung := &childEntry{pidfd: -1, helper: helper{cmd.Process.Pid, pidfd}}
		k := &keeper{done: make(chan struct{}), pending: 1, children: map[uint64]*childEntry{1: hung}}
		if k.unborn() || !k.known()[cmd.Process.Pid] {
			t.Errorf("%s: its pid is not known", name)
		}
		over(k)
		cmd.Wait()
		unix.Close(pidfd)
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
			t.Errorf("%s: the helper ended with %v", name, status)
		}
	}
	if k := (&keeper{pending: 1, children: map[uint64]*childEntry{1: {pidfd: -1}}}); !k.unborn() {
		t.Error("a pid that is not known yet is taken for an orphan's")
	}
}

// Another worker takes the place of one whose end nobody would hear of.
func TestWorkerThatCannotBeAwaited(t *testing.T) {
	program, err := openOwn("/proc/self/exe", unix.O_PATH)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	poll, err := root.SyscallConn() // of a file that nothing can be added to
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{
		args: os.Args, env: append(os.Environ(), "TEST_WORKER=teller"), null: -1, poll: poll, program: program, previous: -1,
		alarm: time.NewTimer(0), done: make(chan struct{}), children: make(map[uint64]*childEntry),
	}
	k.lives.served = true
	k.do(func() { k.lives.startAt = time.Now() })
	first := k.worker
	for deadline := time.After(20 * time.Second); k.worker == first; k.do(func() {}) {
		select {
		case <-k.alarm.C:
		case <-deadline:
			t.Fatal("a worker that has ended is the worker still")
		}
	}
}
