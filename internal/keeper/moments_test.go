//go:build linux

package keeper

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/process/spawn"
)

func init() {
	workers["forgetful"] = forgetful
	workers["slow"] = slow
	workers["late"] = late
	workers["careless"] = careless
	workers["teller"] = teller
	workers["stray"] = stray
	workers["full"] = full
}

// forgetful dies after it has released its child, before it has forgotten it.
func forgetful() int {
	c := connect()
	n, _ := c.Worker()
	switch ch := c.Claim(5); {
	case n == 1:
		ch, err := c.Start(5, spawn.Attr{Path: "/bin/sh", Args: []string{"sh", "-c", "exit 6"}, Files: []int{-1, -1, -1}}, nil, 0)
		if err != nil {
			say("error %v", err)
			return 1
		}
		over(ch)
		ch.Release()
	case n == 2 && ch == nil:
		say("child is not known")
	case n == 2:
		say("child %v %d", ch.Released(), over(ch).Code)
		ch.Forget()
	default:
		say("children %d", c.LetGoRest())
		c.Leave(0)
		return 0
	}
	c.Ready()
	return 1
}

// TestReleasedIsKeptUntilForgotten holds that how a child has ended is not lost
// with the worker that has released it and told nobody yet.
func TestReleasedIsKeptUntilForgotten(t *testing.T) {
	d := startKeeper(t, "forgetful")
	if got := d.expect("child "); got != "true 6" {
		t.Errorf("the next worker finds: %s, want true 6", got)
	}
	if got := d.expect("children "); got != "0" {
		t.Errorf("%s children are kept that were forgotten", got)
	}
	d.exit()
}

// stray starts a child and dies, which the next worker does not want.
func stray() int {
	c := connect()
	if n, _ := c.Worker(); n == 1 {
		ch, err := c.Start(5, spawn.Attr{Path: "/bin/sleep", Args: []string{"sleep", "1000"}, Files: []int{-1, -1, -1}}, nil, 0)
		if err != nil {
			say("error %v", err)
			return 1
		}
		say("child %d", ch.Pid())
		c.Ready()
		return 1
	}
	say("let go %d", c.LetGoRest())
	c.Ready()
	bufio.NewReader(os.Stdin).ReadString('\n')
	c.Leave(0)
	return 0
}

// TestStrayIsLetGo holds that a child that no worker wants runs on, and that the
// keeper waits for it.
func TestStrayIsLetGo(t *testing.T) {
	d := startKeeper(t, "stray")
	pid, _ := strconv.Atoi(d.expect("child "))
	if got := d.expect("let go "); got != "1" || !alive(pid) {
		t.Errorf("%s were let go, and the child is there: %v", got, alive(pid))
	}
	unix.Kill(pid, unix.SIGKILL)
	for end := time.Now().Add(20 * time.Second); alive(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody waits for it")
		}
	}
	io.WriteString(d.stdin, "end\n")
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// slow asks to be replaced by itself, and yields when it is told to over stdin, as it
// leaves when it was to stop. As a candidate it waits for a file.
func slow() int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR2)
	c, err := Connect(func([]*os.File) error {
		say("proving")
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if _, err := os.Stat(os.Getenv("TEST_GATE")); err == nil {
				break
			}
		}
		return nil
	})
	if err != nil {
		return 9
	}
	n, _ := c.Worker()
	say("worker %d %d", n, os.Getpid())
	c.Ready()
	if n == 1 {
		self, _ := os.Executable()
		go c.Upgrade(self)
	}
	lines := make(chan string)
	go func() {
		for s := bufio.NewScanner(os.Stdin); s.Scan(); {
			lines <- s.Text()
		}
	}()
	yield, told, leaves := c.Yield(), (chan string)(nil), false
	for {
		select {
		case s := <-signals:
			say("%d got %v", n, s)
			if n > 1 && s == syscall.SIGTERM {
				leaves, told = true, lines // others may be under way that were sent before
			}
		case <-yield:
			say("%d yields", n)
			yield, told = nil, lines
		case <-told:
			if leaves {
				c.Leave(0)
			}
			return 0
		}
	}
}

func startSlow(t *testing.T) (d *daemon, gate func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gate")
	return startKeeper(t, "slow", "TEST_GATE="+path), func() {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStopDuringUpgrade sends signals to a worker that is about to go. Its
// successor gets them.
func TestStopDuringUpgrade(t *testing.T) {
	t.Parallel()
	d, gate := startSlow(t)
	d.expect("proving")
	d.cmd.Process.Signal(syscall.SIGUSR2)
	gate()
	d.expect("1 yields")
	d.cmd.Process.Signal(syscall.SIGHUP)
	d.cmd.Process.Signal(syscall.SIGTERM)
	d.expect("1 got terminated") // and nothing before that
	io.WriteString(d.stdin, "go\n")
	d.expect("worker 2")
	var got []string
	for range 3 {
		got = append(got, d.expect("2 got "))
	}
	io.WriteString(d.stdin, "go\n")
	slices.Sort(got)
	if want := []string{"hangup", "terminated", "user defined signal 2"}; !slices.Equal(got, want) {
		t.Errorf("the next worker got %q, want %q", got, want)
	}
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestWorkerDiesDuringUpgrade kills workers while the candidate proves itself,
// which then takes the place of the one that would be next.
func TestWorkerDiesDuringUpgrade(t *testing.T) {
	t.Parallel()
	d, gate := startSlow(t)
	kill := func(worker string) {
		pid, _ := strconv.Atoi(d.expect("worker " + worker))
		if worker == "1" {
			d.expect("proving")
		}
		unix.Kill(pid, unix.SIGKILL)
	}
	for _, worker := range []string{"1", "3", "4"} {
		kill(worker)
	}
	gate() // in the pause before the next
	d.expect("worker 2")
	d.cmd.Process.Signal(syscall.SIGTERM)
	d.expect("2 got terminated")
	io.WriteString(d.stdin, "go\n")
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// late connects when it is told to over stdin.
func late() int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	say("late")
	bufio.NewReader(os.Stdin).ReadString('\n')
	c := connect()
	c.Ready()
	select {
	case s := <-signals:
		say("got %v", s)
	case <-time.After(10 * time.Second):
		say("got nothing")
	}
	c.Leave(0)
	return 0
}

// TestSignalsWait sends what asks for a reload, for new log files and for an
// upgrade while no worker can hear it.
func TestSignalsWait(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2} {
		d := startKeeper(t, "late")
		d.expect("late")
		d.cmd.Process.Signal(s)
		io.WriteString(d.stdin, "go\n")
		if got := d.expect("got "); got != s.String() {
			t.Errorf("the worker got %s, want %v", got, s)
		}
		d.exit()
	}
}

// teller tells its child to stop, and dies. So does the next.
func teller() int {
	c := connect()
	n, _ := c.Worker()
	ch := c.Claim(5)
	if n == 1 {
		r, w := pipe()
		var err error
		ch, err = c.Start(5, spawn.Attr{
			Path: "/bin/sh", Args: []string{"sh", "-c", `
				trap 'echo child told' TERM
				trap 'echo child ends; exit' WINCH
				echo up >&3
				while :; do sleep 0.01; done`},
			Env: os.Environ(), Setpgid: true, Files: []int{-1, 1, -1, int(w.Fd())},
		}, nil, 0)
		if err != nil {
			say("error %v", err)
			return 1
		}
		r.Read(make([]byte, 3))
	}
	say("worker %d %v", n, ch.Told())
	ch.Tell(unix.SIGTERM, nil)
	c.Ready()
	if n == 3 {
		c.Hold("tag", os.Stdin) // by now the keeper has read all
		unix.Kill(ch.Pid(), unix.SIGWINCH)
		over(ch)
		c.Leave(0)
		return 0
	}
	return 1
}

// TestToldOnce has three workers tell a child to stop, which hears it once.
func TestToldOnce(t *testing.T) {
	d := startKeeper(t, "teller")
	told := 0
	for line := range d.lines {
		switch {
		case line == "child told":
			told++
		case line == "worker 1 true", line == "worker 2 false", line == "worker 3 false":
			t.Errorf("a worker finds %q", line)
		}
	}
	if told != 1 {
		t.Errorf("the child was told %d times", told)
	}
	d.exit()
}

// full has the keeper keep more than it has room for.
func full() int {
	c := connect()
	limit := unix.Rlimit{Cur: 64, Max: 64}
	if err := unix.Prlimit(c.KeeperPID(), unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		say("error %v", err)
	}
	attr := spawn.Attr{Path: "/bin/cat", Args: []string{"cat"}, Env: os.Environ(), Setpgid: true}
	var children []*Child
	for id := uint64(1); ; id++ {
		r, w := pipe()
		attr.Files = []int{int(r.Fd()), -1, -1}
		ch, err := c.Start(id, attr, []File{{0, w}}, 3)
		r.Close()
		w.Close()
		if err != nil {
			say("refused %v", errors.Is(err, unix.EMFILE))
			break
		}
		children = append(children, ch)
	}
	var err error
	for n := byte(1); n <= 3 && err == nil; n++ {
		for _, ch := range children {
			err = errors.Join(err, ch.KeepNow(File{n, os.Stdin}))
		}
	}
	say("kept for %d %v", len(children), err)
	for n := 0; err == nil && n < 100; n++ {
		err = c.Hold(strconv.Itoa(n), os.Stdin)
	}
	say("held %v", errors.Is(err, unix.EMFILE))
	for _, ch := range children {
		unix.Kill(ch.Pid(), unix.SIGKILL)
	}
	c.Leave(0)
	return 0
}

// TestKeeperIsFull holds that a keeper starts no child for whose files it would
// have no room, and says so when it has none for something else.
func TestKeeperIsFull(t *testing.T) {
	d := startKeeper(t, "full")
	if got := d.expect("refused "); got != "true" {
		t.Error("the start fails for another reason")
	}
	if got := d.expect("kept for "); got != "5 <nil>" {
		t.Errorf("%s children were started, whose files should all be kept", got)
	}
	if got := d.expect("held "); got != "true" {
		t.Error("it is not said that there is no room")
	}
	d.exit()
}

// careless asks to be replaced by itself, and ends as a candidate: what it leaves
// behind has the link to the keeper.
func careless() int {
	gate := os.Getenv("TEST_GATE")
	if _, err := os.Stat(gate); err == nil {
		cmd := exec.Command("cat")
		cmd.Stdin, cmd.ExtraFiles = os.Stdin, []*os.File{os.NewFile(workerFD, "link")}
		cmd.Start()
		return 8
	}
	os.WriteFile(gate, nil, 0o600)
	c := connect()
	go c.Beat(nil, func() {})
	c.Ready()
	self, _ := os.Executable()
	say("stays %v", c.Upgrade(self))
	c.Leave(0)
	return 0
}

// TestCandidateLeavesItsLink upgrades to a program that is gone while its link to
// the keeper is not.
func TestCandidateLeavesItsLink(t *testing.T) {
	t.Parallel()
	d := startKeeper(t, "careless", "TEST_GATE="+filepath.Join(t.TempDir(), "gate"))
	if got := d.expect("stays "); got != "it ended with exit status 8 and took over nothing: is it a gafferd?" {
		t.Errorf("the upgrade failed with %q", got)
	}
	d.stdin.Close()
	d.exit()
}

// TestReusedPid lets a child have the pid of one that was released, which is in
// nobody's way.
func TestReusedPid(t *testing.T) {
	k := &keeper{children: map[uint64]*childEntry{1: {pid: 7, pidfd: 3}}}
	for id := range uint64(20) {
		k.children[2+id] = &childEntry{pid: 7, pidfd: -1, released: true}
	}
	if !k.known()[7] {
		t.Error("the child would be taken for an orphan")
	}
}
