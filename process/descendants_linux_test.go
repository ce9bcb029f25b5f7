package process

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/process/spawn"
)

// What descendants say while they are given the time of a graceful stop is read, even if
// their leader has ended long before.
func TestDescendantsAreHeardUntilTheyEnd(t *testing.T) {
	s := NewSpec("test", "/bin/sh")
	s.Args = []string{"-c", `sh -c 'trap "" TERM; echo up; sleep 1.5; echo flushing; sleep 0.1; echo saved' & wait`}
	s.GracefulTimeout = 20 * time.Second
	p := run(t, s, Options{})
	saying(t, p, "stdout", "up")
	p.Stop("")
	end(t, p)
	if got := output(t, p, "stdout"); got != "up\nflushing\nsaved\n" {
		t.Errorf("output %q", got)
	}
}

// TestDescendantsInAShortage has no descriptor left to look for descendants with, and then
// has some again.
func TestDescendantsInAShortage(t *testing.T) {
	for name, o := range map[string]LauncherOptions{"cgroups": {}, "proc": {NoCgroups: true}} {
		t.Run(name, func(t *testing.T) {
			l, err := NewLocalLauncher(o)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			s := NewSpec("test", "/bin/sh")
			s.Args = []string{"-c", "setsid sh -c 'echo up; exec sleep 100' & wait"}
			p := run(t, s, Options{Launcher: l})
			defer func() {
				p.Kill("")
				wait(t, p.Done(), "the end of all")
			}()
			saying(t, p, "stdout", "up")
			var limit unix.Rlimit
			if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
				t.Fatal(err)
			}
			short := limit
			short.Cur = 3
			if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &short); err != nil {
				t.Fatal(err)
			}
			_, shortage := p.child.Descendants()
			if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
				t.Fatal(err)
			}
			if !errors.Is(shortage, unix.EMFILE) {
				t.Errorf("without descriptors: %v", shortage)
			}
			if left, err := p.child.Descendants(); len(left) != 1 || err != nil {
				t.Errorf("descendants %v, want one: %v", left, err)
			}
		})
	}
}

// A child that an earlier worker has started without a control group has descendants too.
func TestAdoptedWithoutCgroup(t *testing.T) {
	run := openCgroups()
	if run == nil {
		t.Skip("no cgroup v2 that can be written to")
	}
	defer run.close()
	marker := markerName + "=adopted"
	cmd := exec.Command("/bin/sh", "-c", "setsid sh -c 'echo; exec sleep 100' & wait")
	cmd.Env = []string{marker}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	out.Read(make([]byte, 1))
	child := lineage{pid: cmd.Process.Pid, marker: marker, cgroup: run.existing("7")}
	defer child.SignalAll(syscall.SIGKILL)
	if left, err := child.Descendants(); len(left) != 1 || err != nil {
		t.Errorf("descendants %v, want one: %v", left, err)
	}
	if run.create("8") == nil {
		t.Fatal("no control group can be made")
	}
	if c := run.existing("8"); c == nil {
		t.Error("a control group that is there was not found")
	} else {
		c.remove()
	}
}

// A worker that is killed between two steps does not keep the next one from using control
// groups.
func TestCgroupsLeftByAKilledWorker(t *testing.T) {
	count := cgroupRuns.Load()
	first := openCgroups()
	if first == nil {
		t.Skip("no cgroup v2 that can be written to")
	}
	defer first.close()
	for _, name := range []string{"probe", "7"} {
		if err := os.MkdirAll(filepath.Join(first.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cgroupRuns.Store(count) // the next worker's have the same names
	next := openCgroups()
	if next == nil {
		t.Fatal("the next worker has no control groups")
	}
	c := next.create("7")
	if c == nil {
		t.Fatal("the next worker has no control group for an instance")
	}
	c.remove()
}

// What a keeper has started, but has not lived to tell of, does not run on without anybody
// who knows of it.
func TestUntoldAreKilled(t *testing.T) {
	for what, env := range map[string]string{"contained": "", "marked": "", "the helper yet": spawn.HelperPrefix} {
		child := keptChild{lineage: lineage{marker: markerName + "=untold-1"}}
		cmd := exec.Command("sleep", "100")
		cmd.Env = []string{env + child.marker}
		if what == "contained" {
			run := openCgroups()
			if run == nil {
				t.Log("no cgroup v2 that can be written to")
				continue
			}
			defer run.close()
			child.cgroup = run.create("1")
			defer child.cgroup.remove()
			dir, err := os.Open(child.cgroup.dir)
			if err != nil {
				t.Fatal(err)
			}
			defer dir.Close()
			cmd.Env, cmd.SysProcAttr = nil, &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		child.killUntold()
		cmd.Wait()
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
			t.Errorf("%s: it ended with %v", what, cmd.ProcessState)
		}
	}
}

// What an earlier worker has reaped is looked for no more: its pid may be another's.
func TestReapedIsLeftAlone(t *testing.T) {
	other := exec.Command("/bin/sh", "-c", "sleep 100 & wait")
	other.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	child := lineage{pid: other.Process.Pid, marker: markerName + "=reaped", reaped: true}
	if left, _ := child.Descendants(); len(left) > 0 {
		t.Errorf("another's processes %v were taken for its descendants", left)
	}
	if err := child.SignalAll(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	child.reaped = false
	child.SignalAll(syscall.SIGTERM)
	if err := other.Wait(); other.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("another's process ended with %v", err)
	}
}
