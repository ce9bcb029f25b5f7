package process

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// contained runs test with each way to contain a child that works here.
func contained(t *testing.T, test func(t *testing.T, l *LocalLauncher)) {
	for name, o := range map[string]LauncherOptions{
		"cgroup":    {},
		"subreaper": {NoCgroups: true, Subreaper: true},
		"plain":     {NoCgroups: true},
	} {
		t.Run(name, func(t *testing.T) {
			l := launcher(t, o)
			if name == "cgroup" && l.cgroups == nil {
				t.Skip("cgroup v2 is not writable here")
			}
			reapStrays()
			test(t, l)
		})
	}
}

func launcher(t *testing.T, o LauncherOptions) *LocalLauncher {
	t.Helper()
	l, err := NewLocalLauncher(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		if o.Subreaper { // for the tests to come
			unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
		}
	})
	return l
}

// brood is a shell that starts n processes which are nobody's children, lead
// sessions of their own and do not hear SIGTERM.
func brood(n int, then string) (s Spec, entry string) {
	token := rand.Text()
	s = shell(fmt.Sprintf(`trap "" TERM; i=0
		while [ $i -lt %d ]; do (setsid sleep 1000 &); i=$((i+1)); done
		trap - TERM; echo up; %s`, n, then))
	s.Env = map[string]string{"TOKEN": token}
	s.GracefulTimeout = 300 * time.Millisecond
	return s, "TOKEN=" + token
}

func TestStopLeavesNothing(t *testing.T) {
	contained(t, func(t *testing.T, l *LocalLauncher) {
		const grandchildren = 200
		s, entry := brood(grandchildren, "wait; sleep 1000")
		p := run(t, s, Options{Launcher: l})
		saying(t, p, "stdout", "up")
		poll(t, "the grandchildren to run", func() bool { return len(bearing(entry)) >= grandchildren+1 })
		p.Stop("")
		wait(t, p.Exited(), "the leader, which hears the signal")
		poll(t, "all the others to be named", func() bool { return len(p.Remaining()) == grandchildren || p.Remaining() == nil })
		exit := end(t, p)
		if left := bearing(entry); len(left) > 0 {
			t.Errorf("%d are left: %v", len(left), left)
		}
		if p.Remaining() != nil {
			t.Errorf("remaining: %v", p.Remaining())
		}
		if exit.Reason != ReasonStopped {
			t.Errorf("got %+v", exit)
		}
		if l.reaper != nil {
			poll(t, "the orphans to be reaped", func() bool { return len(zombies()) == 0 })
		}
	})
}

func TestExitOfTheLeaderKillsTheRest(t *testing.T) {
	contained(t, func(t *testing.T, l *LocalLauncher) {
		s, entry := brood(10, "exit 3")
		s.GracefulTimeout = time.Hour // it is not theirs
		p := run(t, s, Options{Launcher: l})
		if exit := end(t, p); exit.ExitStatus != 3 || exit.Reason != ReasonExited {
			t.Errorf("got %+v", exit)
		}
		if left := bearing(entry); len(left) > 0 {
			t.Errorf("%d are left: %v", len(left), left)
		}
	})
}

// What has lost its first thread is a zombie by its state, and yet runs.
func TestStopLeavesNothingWithoutItsFirstThread(t *testing.T) {
	l := launcher(t, LauncherOptions{})
	if l.cgroups == nil {
		t.Skip("cgroup v2 is not writable here")
	}
	s := shell(fmt.Sprintf("(%s=headless setsid '%s' &); exec sleep 1000", childVariable, os.Args[0]))
	s.GracefulTimeout = 300 * time.Millisecond
	p := run(t, s, Options{Launcher: l})
	saying(t, p, "stdout", "\n")
	said, _ := log(t, p, "stdout").Read(0, 100)
	number, err := strconv.Atoi(strings.TrimSpace(string(said)))
	if err != nil {
		t.Fatal(err)
	}
	poll(t, "its first thread to end", func() bool {
		other, err := readProc(number)
		return err == nil && other.state == 'Z'
	})
	p.Stop("")
	end(t, p)
	t.Cleanup(func() { // in case that it runs on
		if other, err := readProc(number); err == nil && other.threads > 1 {
			unix.Kill(number, unix.SIGKILL)
		}
	})
	poll(t, "its last thread, which leaves the control group first, to end", func() bool {
		other, err := readProc(number)
		return err != nil || other.threads <= 1
	})

	leader := program("headless")
	leader.GracefulTimeout = 100 * time.Millisecond
	p = run(t, leader, Options{Launcher: l})
	saying(t, p, "stdout", "\n")
	p.Stop("")
	if exit := end(t, p); exit.TermSignal != int(syscall.SIGKILL) {
		t.Errorf("%+v", exit)
	}
}

// What is told to stop gets its graceful timeout, the descendants too.
func TestDescendantsAreToldToStop(t *testing.T) {
	contained(t, func(t *testing.T, l *LocalLauncher) {
		s := shell(`(setsid sh -c 'trap "echo bye; exit" TERM; echo up; while :; do sleep 0.01; done' &); sleep 1000`)
		s.GracefulTimeout = time.Hour
		p := run(t, s, Options{Launcher: l})
		saying(t, p, "stdout", "up")
		p.Stop("")
		end(t, p)
		if got := output(t, p, "stdout"); got != "up\nbye\n" {
			t.Errorf("got %q", got)
		}
	})
}

func TestStoppedProgramsHearTheSignal(t *testing.T) {
	contained(t, func(t *testing.T, l *LocalLauncher) {
		s := program("hang")
		s.GracefulTimeout = time.Hour
		p := run(t, s, Options{Launcher: l})
		saying(t, p, "stdout", "up")
		p.Signal(syscall.SIGSTOP)
		p.Stop("")
		if exit := end(t, p); exit.TermSignal != int(syscall.SIGTERM) {
			t.Errorf("got %+v", exit)
		}
	})
}

// Neighbours of the instance that is stopped, and those who merely look like
// its own, are not touched.
// A leader that has gone to another process group is told to stop, and killed if it does not.
func TestStopReachesALeaderThatLeftItsGroup(t *testing.T) {
	contained(t, func(t *testing.T, l *LocalLauncher) {
		for _, c := range []struct {
			mode  string
			grace time.Duration
			want  syscall.Signal
		}{{"hears", time.Minute, syscall.SIGTERM}, {"is deaf", 300 * time.Millisecond, syscall.SIGKILL}} {
			s := program("other-group", c.mode)
			s.GracefulTimeout = c.grace
			p := run(t, s, Options{Launcher: l})
			saying(t, p, "stdout", "up")
			p.Stop("")
			if exit := end(t, p); exit.TermSignal != int(c.want) {
				t.Errorf("one that %s ended with signal %d, want %v", c.mode, exit.TermSignal, c.want)
			}
		}
	})
}

func TestStopTouchesNobodyElse(t *testing.T) {
	contained(t, func(t *testing.T, l *LocalLauncher) {
		first, firstEntry := brood(5, "sleep 1000")
		second, secondEntry := brood(5, "sleep 1000")
		p := run(t, first, Options{Launcher: l})
		q := run(t, second, Options{Launcher: l})
		for p, entry := range map[*Process]string{p: firstEntry, q: secondEntry} {
			saying(t, p, "stdout", "up")
			poll(t, "all to run", func() bool { return len(bearing(entry)) == 7 || len(bearing(entry)) == 6 })
		}
		own := exec.Command("sleep", "1000")
		if err := own.Start(); err != nil {
			t.Fatal(err)
		}
		before := len(bearing(secondEntry))
		p.Stop("")
		end(t, p)
		if after := len(bearing(secondEntry)); after != before {
			t.Errorf("the neighbour has %d processes, and had %d", after, before)
		}
		own.Process.Kill()
		if err := own.Wait(); err == nil || err.Error() != "signal: killed" {
			t.Errorf("the child of the embedding program: %v", err)
		}
	})
}

// Children that another part of the program has started are its own to wait
// for, however often orphans are looked for meanwhile.
func TestReaperLeavesOtherChildrenAlone(t *testing.T) {
	l := launcher(t, LauncherOptions{NoCgroups: true, Subreaper: true})
	var others []*exec.Cmd
	for i := range 10 {
		cmd := exec.Command("sh", "-c", fmt.Sprint("exit ", i))
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: i%2 == 0}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		others = append(others, cmd)
	}
	poll(t, "the other children to end", func() bool { return len(zombies()) == len(others) })
	s, _ := brood(5, "exit 0")
	end(t, run(t, s, Options{Launcher: l}))
	poll(t, "the orphans to be reaped", func() bool { return len(zombies()) == len(others) })
	for i, cmd := range others {
		cmd.Wait()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != i {
			t.Errorf("child %d: its status was taken away: %v", i, cmd.ProcessState)
		}
	}
}

// As PID 1, everything that nobody else waits for has to be.
func TestReaperThatOwnsAllChildren(t *testing.T) {
	launcher(t, LauncherOptions{Subreaper: true, OwnsChildren: true})
	cmd := exec.Command("sh", "-c", "(setsid true &)")
	cmd.Env = []string{}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	poll(t, "all to be reaped", func() bool {
		_, err := readProc(cmd.Process.Pid)
		return err != nil && len(zombies()) == 0
	})
}

func TestLeftoverCgroupsAreRemoved(t *testing.T) {
	base, _, err := ownCgroup()
	if err != nil {
		t.Skip(err)
	}
	dead := base + "/" + cgroupPrefix + "1.1.1" // pid 1 did not start in the machine's first tick
	if err := os.MkdirAll(dead+"/1/below", 0o755); err != nil {
		t.Skip("cgroup v2 is not writable here: ", err)
	}
	own := launcher(t, LauncherOptions{})
	end(t, run(t, program("exit", "0"), Options{Launcher: own}))
	if left := cgroupNames(t); left[filepath.Base(own.cgroups.dir)] {
		t.Error("a launcher without children has a cgroup")
	}
	run(t, program("hang"), Options{Launcher: own})
	launcher(t, LauncherOptions{})
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dead, err)
	}
	if _, err := os.Stat(own.cgroups.dir); err != nil {
		t.Errorf("one in use was removed: %v", err)
	}
}

// A program in a container may make cgroups of its own.
func TestCgroupsBelowTheChildsAreEmptied(t *testing.T) {
	l := launcher(t, LauncherOptions{})
	if l.cgroups == nil || os.Geteuid() != 0 {
		t.Skip("needs cgroup v2, and root")
	}
	s := shell(`mkdir $DIR/$(ls $DIR | grep '^[0-9]*$' | tail -1)/below
		echo $$ > $DIR/$(ls $DIR | grep '^[0-9]*$' | tail -1)/below/cgroup.procs
		setsid sleep 1000 & echo up; wait`)
	s.Env = map[string]string{"DIR": l.cgroups.dir}
	s.GracefulTimeout = 300 * time.Millisecond // who leaves the group while it is told to stop may not hear it
	p := run(t, s, Options{Launcher: l})
	saying(t, p, "stdout", "up")
	group, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.OSPid()))
	if !strings.Contains(string(group), "/below\n") {
		t.Fatalf("it is in %s", group)
	}
	p.Stop("")
	end(t, p)
	if _, err := os.Stat(l.cgroups.dir); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", l.cgroups.dir, err)
	}
}
