//go:build linux

package keeper

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// trace is a debugger that is attached to a process until its input ends.
func trace(text string) int {
	runtime.LockOSThread()
	pid, err := strconv.Atoi(text)
	if err == nil {
		err = unix.PtraceSeize(pid)
	}
	say("attached: %v", err)
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// TestTracedChild holds that the end of a child is heard of when its debugger has let
// go of it, and no sooner.
func TestTracedChild(t *testing.T) {
	pidfd := -1
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{PidFD: &pidfd}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer unix.Close(pidfd)
	tracer := exec.Command("/proc/self/exe")
	tracer.Env = append(os.Environ(), "TEST_TRACE="+strconv.Itoa(cmd.Process.Pid))
	in, _ := tracer.StdinPipe()
	out, _ := tracer.StdoutPipe()
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	letGo := func() {
		in.Close()
		tracer.Wait()
	}
	defer letGo()
	switch line, _ := bufio.NewReader(out).ReadString('\n'); line {
	case "attached: <nil>\n":
	case "attached: operation not permitted\n":
		cmd.Process.Kill()
		t.Skip("nothing can be traced here")
	default:
		t.Fatal(line)
	}
	cmd.Process.Kill()
	polls := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	if n, err := unix.Poll(polls, 20_000); n != 1 {
		t.Fatalf("it does not end: %v", err)
	}
	c := &childEntry{pid: cmd.Process.Pid, pidfd: pidfd}
	k := &keeper{alarm: time.NewTimer(time.Hour), children: map[uint64]*childEntry{1: c}}
	k.ended(1)
	k.schedule(time.Now().Add(time.Minute))
	if c.hasEnded {
		t.Error("its end is known while the debugger has it")
	}
	letGo()
	k.schedule(time.Now().Add(time.Minute))
	if !c.hasEnded || c.end.Signal != int(unix.SIGKILL) {
		t.Errorf("its end is not known: %+v", c.end)
	}
	if len(k.traced) > 0 || !k.lookAt.IsZero() {
		t.Error("it is looked for again")
	}
}
