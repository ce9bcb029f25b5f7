package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// freeze stops the keeper in its tracks. What the worker says to it waits.
func (d *daemon) freeze() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(d.thaw) // before the daemon is stopped
}

func (d *daemon) thaw() { _ = d.cmd.Process.Signal(syscall.SIGCONT) }

// replaceWhileFrozen kills the worker when it has asked the frozen keeper for
// something, and returns when another one answers.
func (d *daemon) replaceWhileFrozen() {
	d.t.Helper()
	worker := d.worker()
	waitFor(d.t, "the worker has asked the keeper", func() bool { return d.unheard(worker) > 0 })
	if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
		d.t.Fatal(err)
	}
	d.thaw()
	waitFor(d.t, "another worker answers", func() bool {
		if now := d.worker(); now == 0 || now == worker {
			return false
		}
		_, err := d.try("GET", "/ping", nil)
		return err == nil
	})
}

// unheard is how much of what a worker has said the keeper has not heard yet.
func (d *daemon) unheard(worker int) (bytes int) {
	d.t.Helper()
	pidfd, err := unix.PidfdOpen(worker, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	defer unix.Close(pidfd)
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", worker))
	for _, file := range files {
		var n int
		if _, err := fmt.Sscan(filepath.Base(file), &n); err != nil {
			continue
		}
		fd, err := unix.PidfdGetfd(pidfd, n, 0)
		if err == unix.EPERM {
			d.t.Skip("no other process may be looked into here (ptrace_scope)")
		}
		if err != nil {
			continue
		}
		if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err == nil && kind == unix.SOCK_SEQPACKET {
			queued, _ := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
			bytes += queued
		}
		unix.Close(fd)
	}
	return bytes
}

// TestDetachedOnce kills the worker while something is being started that is to
// be on its own. The next one lets it be, and starts no other.
func TestDetachedOnce(t *testing.T) {
	d := start(t)
	left := func() []int { return marked("E2E_MARK="+d.mark, "GAFFER_NAME=left") }
	t.Cleanup(func() {
		for _, pid := range left() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	d.freeze()
	d.ok("POST", "/processes", describeProcess("left", properties{"cmd": "sleep 1000", "detach": true}))
	d.replaceWhileFrozen()
	if events := d.ok("GET", "/watch/spawn?since=0", "").body; strings.Count(events, `"detached":true`) != 1 {
		t.Errorf("spawned: %s", events)
	}
	if pids, running := d.pids("left"), left(); len(pids) != 0 || len(running) != 1 {
		t.Errorf("it has the pids %v, and %d run", pids, len(running))
	}
	d.replaceWorker() // again, and when it is deleted
	d.ok("DELETE", "/processes/left?wait=true", "")
	running := left()
	if len(running) != 1 {
		t.Fatalf("%d run in the end", len(running))
	}
	_ = syscall.Kill(running[0], syscall.SIGKILL)
	waitFor(t, "the keeper waits for it", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", running[0]))
		return err != nil
	})
}

// TestToldOnce kills the worker while it tells a process to stop, which hears it
// once, as do those that it has started.
func TestToldOnce(t *testing.T) {
	d := start(t)
	loop := `trap "echo $0 told" TERM; echo $0 up; while :; do sleep 0.05; done`
	pid := d.run("deaf", script(fmt.Sprintf(`setsid bash -c '%s' away & exec bash -c '%[1]s' here`, loop), properties{"graceful_timeout": 2}))
	output := func() string { return d.ok("GET", fmt.Sprintf("/streams/%d/stdout?since=0", pid), "").body }
	waitFor(t, "both are up", func() bool { return strings.Count(output(), "up") == 2 })
	d.freeze()
	d.ok("POST", "/processes/deaf/_stop", "")
	d.replaceWhileFrozen()
	d.ok("GET", "/watch/exit?since=0", "")
	if got := output(); strings.Count(got, "here told") != 1 || strings.Count(got, "away told") != 1 {
		t.Errorf("they heard: %q", got)
	}
	if exits := d.exits("deaf"); len(exits) != 1 || exits[0].Reason != "stopped" || exits[0].TermSignal != 9 {
		t.Errorf("exits: %+v", exits)
	}
}

// TestAuditsOutliveTheWorker reads who asked for what after the worker that was
// asked has died.
func TestAuditsOutliveTheWorker(t *testing.T) {
	d := start(t)
	d.create("web", properties{"cmd": "sleep 1000"})
	d.ok("POST", "/processes/web/_stop", "")
	before := d.ok("GET", "/watch/audit?since=0", "").body
	if strings.Count(before, "_stop") == 0 {
		t.Fatalf("audits: %s", before)
	}
	d.replaceWorker()
	if after := d.ok("GET", "/watch/audit?since=0", "").body; after != before {
		t.Errorf("audits are now\n%s\nand were\n%s", after, before)
	}
}

// fill leaves the keeper room for no descriptor, until it is given back.
func (d *daemon) fill() (giveBack func()) {
	d.t.Helper()
	var before unix.Rlimit
	err := unix.Prlimit(d.cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &before)
	if err == nil {
		err = unix.Prlimit(d.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: before.Max}, nil)
	}
	if err != nil {
		d.t.Skipf("the limit of another process cannot be changed here: %v", err)
	}
	return func() {
		if err := unix.Prlimit(d.cmd.Process.Pid, unix.RLIMIT_NOFILE, &before, nil); err != nil {
			d.t.Fatal(err)
		}
	}
}

// TestNoRoomInTheKeeper has a keeper with room for no descriptor: what is asked
// for is refused, and says why.
func TestNoRoomInTheKeeper(t *testing.T) {
	d := start(t)
	pid := d.run("cat", properties{"cmd": "cat", "redirect_input": true})
	giveBack := d.fill()
	for path, body := range map[string]string{
		"/processes?wait=true":                describeProcess("late", properties{"cmd": "sleep 1000"}),
		fmt.Sprintf("/streams/%d/stdin", pid): "hello\n",
	} {
		if a := d.do("POST", path, body); a.status != 429 || !strings.Contains(a.body, "ulimit -n") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	giveBack()
	d.input(pid, "hello\n")
	d.replaceWorker()
	d.input(pid, "again\n")
	waitFor(t, "what was written comes back, once", func() bool {
		return d.ok("GET", fmt.Sprintf("/streams/%d/stdout?since=0", pid), "").body == "hello\nagain\n"
	})
}

// TestOutputIsNotKept has a process begin to write when the keeper has no room to
// keep that. It goes on, and so does whoever reads it.
func TestOutputIsNotKept(t *testing.T) {
	d := start(t)
	pid := d.run("web", script("read line; echo out; echo three >&3; exec sleep 1000", properties{"redirect_input": true, "custom_streams": []string{"more"}}))
	giveBack := d.fill()
	for _, os := range marked("E2E_MARK="+d.mark, "GAFFER_NAME=web") {
		writeInput(t, os, "go\n")
	}
	for stream, want := range map[string]string{"stdout": "out\n", "more": "three\n"} {
		waitFor(t, stream+" is read", func() bool {
			return d.ok("GET", fmt.Sprintf("/streams/%d/%s?since=0", pid, stream), "").body == want
		})
	}
	events := d.watch("/proc/web/keep_failed?since=0") // they may come later than the output
	for range 2 {
		if e := events.next(); !strings.Contains(e.Reason, "ulimit -n") {
			t.Errorf("the output is lost because %s", e.Reason)
		}
	}
	giveBack()
	d.replaceWorker()
	d.ok("POST", "/processes/web/_stop?wait=true", "") // what is left of it is in order
}

// writeInput writes to the pipe that a process has for its input.
func writeInput(t *testing.T, pid int, text string) {
	t.Helper()
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/0", pid), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// TestQuietAfterAnotherThatWrote kills the worker when it has got ready for the output
// of an instance that writes nothing until then.
func TestQuietAfterAnotherThatWrote(t *testing.T) {
	d := start(t)
	here := filepath.Join(t.TempDir(), "here")
	d.create("web", script(fmt.Sprintf("[ -e %s ] && exec cat; echo first; touch %[1]s", here), properties{
		"redirect_input": true, "backoff": properties{"initial": 0},
	}))
	const pid = 2
	waitFor(t, "another runs", func() bool { return slices.Equal(d.pids("web"), []int{pid}) })
	d.replaceWorker()
	d.input(pid, "second\n")
	waitFor(t, "it comes back", func() bool {
		return d.ok("GET", fmt.Sprintf("/streams/%d/stdout?since=0", pid), "").body == "second\n"
	})
}
