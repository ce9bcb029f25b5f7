//go:build linux

package keeper

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/process/spawn"
)

// workers are what a worker does in the tests.
var workers = map[string]func() int{
	"holder":  holder,
	"failing": func() int { say("hello"); return 7 },
	"dying":   dying,
	"silent":  silent,
	"picky":   picky,
	"stuck":   stuck,
	"reader":  reader,
	"slacker": slacker,
}

// reader says what it can read of the file that the keeper was given.
func reader() int {
	c := connect()
	_, err := c.Take("given")[0].ReadAt(make([]byte, 1), 0)
	c.Ready()
	say("reader %d %v", os.Getpid(), err)
	select {}
}

// TestGivenFilesStay has a keeper hand on what it was given, to one worker after the
// other, while its memory is collected.
func TestGivenFilesStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "given")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := startKeeper(t, "reader", "TEST_GIVEN="+path)
	for range 5 {
		text, said, _ := strings.Cut(d.expect("reader "), " ")
		if said != "EOF" {
			t.Errorf("reading of the given file: %s", said)
		}
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		unix.Kill(pid, unix.SIGKILL)
	}
}

func connect() *Conn {
	c, err := Connect(func(state []*os.File) error {
		if len(state) == 0 {
			return nil
		}
		if text, _ := io.ReadAll(io.NewSectionReader(state[0], 0, 100)); string(text) != "state 1" {
			return errors.New("cannot read " + string(text))
		}
		return nil
	})
	if err != nil {
		say("error %v", err)
		os.Exit(9)
	}
	return c
}

func pipe() (r, w *os.File) {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	return r, w
}

// holder has one child that writes what it reads, and a stop that ends it.
func holder() int {
	c := connect()
	n, previous := c.Worker()
	say("worker %d %d %s", n, os.Getpid(), previous)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go c.Beat(nil, func() {})
	ch := c.Claim(5)
	var in, out *os.File
	if ch == nil {
		theirIn, ourIn := pipe()
		ourOut, theirOut := pipe()
		var err error
		ch, err = c.Start(5, spawn.Attr{
			Path: "/bin/cat", Args: []string{"cat"}, Env: os.Environ(), Setpgid: true, Umask: spawn.To(0o77),
			Files: []int{int(theirIn.Fd()), int(theirOut.Fd()), -1},
		}, []File{{0, ourIn}, {1, ourOut}}, 0)
		if err != nil {
			say("error %v", err)
			return 1
		}
		theirIn.Close()
		theirOut.Close()
		in, out = ourIn, ourOut
	} else {
		in, out = ch.Files()[0].File, ch.Files()[1].File
	}
	say("child %d", ch.Pid())
	c.Ready()
	in.WriteString(strings.Repeat("x", n))
	buf := make([]byte, 100)
	io.ReadFull(out, buf[:n])
	say("echo %s", buf[:n])
	go func() {
		status := over(ch)
		say("ended %d %d %v", status.Code, status.Signal, status.Known)
		ch.Release()
		ch.Forget()
		c.Leave(3)
		os.Exit(0)
	}()
	select {
	case <-stop:
		ch.CloseFile(0)
		in.Close()
	case <-c.Gone():
		say("gone")
		unix.Kill(ch.Pid(), unix.SIGKILL)
	}
	select {}
}

// TestNothingIsOpen starts a keeper with its inputs and outputs and nothing else, of
// the runtime's either, which has a file open where there are cgroups: what it
// opens first is none of the descriptors that a worker gets.
func TestNothingIsOpen(t *testing.T) {
	d := startKeeper(t, "holder", "GODEBUG=containermaxprocs=0")
	pid, _, _ := strings.Cut(d.expect("worker 1 "), " ")
	if comm, err := os.ReadFile("/proc/" + pid + "/comm"); string(comm) != "exe\n" { // the end of its argv[0]
		t.Errorf("the worker is called %q, %v", comm, err)
	}
	d.expect("echo ")
	d.cmd.Process.Signal(syscall.SIGTERM)
	d.expect("ended ")
	if code := d.exit(); code != 3 {
		t.Errorf("exit code %d", code)
	}
}

// TestWorkerIsReplaced kills a worker again and again.
func TestWorkerIsReplaced(t *testing.T) {
	t.Parallel()
	d := startKeeper(t, "holder")
	worker := strings.Fields(d.expect("worker "))[1]
	child := d.expect("child ")
	d.expect("echo x")
	for n := 2; n < 4; n++ {
		pid, _ := strconv.Atoi(worker)
		unix.Kill(pid, unix.SIGKILL)
		fields := strings.Fields(d.expect("worker " + strconv.Itoa(n)))
		if got := strings.Join(fields[1:], " "); got != "killed by signal 9" {
			t.Errorf("the worker before ended so: %q", got)
		}
		worker = fields[0]
		if got := d.expect("child "); got != child {
			t.Errorf("the child is %s now, was %s", got, child)
		}
		d.expect("echo " + strings.Repeat("x", n))
	}
	d.cmd.Process.Signal(syscall.SIGTERM)
	if got := d.expect("ended "); got != "0 0 true" {
		t.Errorf("the child ended with %q", got)
	}
	if code := d.exit(); code != 3 {
		t.Errorf("exit code %d, want that of Leave", code)
	}
}

// TestKeeperDies kills the keeper, of which the worker has to take notice.
func TestKeeperDies(t *testing.T) {
	t.Parallel()
	d := startKeeper(t, "holder")
	child, _ := strconv.Atoi(d.expect("child "))
	d.expect("echo x")
	d.cmd.Process.Kill()
	d.expect("gone")
	if got := d.expect("ended "); got != "0 0 false" {
		t.Errorf("the child ended with %q, which nobody could know", got)
	}
	for alive(child) { // until whoever is its parent now has waited for it
		time.Sleep(time.Millisecond)
	}
}

// TestFirstWorkerFails passes on the exit code of a worker that never began.
func TestFirstWorkerFails(t *testing.T) {
	t.Parallel()
	d := startKeeper(t, "failing")
	if code := d.exit(); code != 7 {
		t.Errorf("exit code %d, want the worker's", code)
	}
}

// dying is ready and dies, and stops on the first signal that it gets.
func dying() int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	c := connect()
	n, _ := c.Worker()
	say("worker %d", n)
	c.Ready()
	if n < 4 {
		return 1
	}
	<-stop
	c.Leave(0)
	return 0
}

func TestWorkerKeepsDying(t *testing.T) {
	t.Parallel()
	d := startKeeper(t, "dying")
	d.expect("worker 3")
	d.cmd.Process.Signal(syscall.SIGTERM) // while there is none, perhaps
	d.expect("worker 4")
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// silent stops itself once.
func silent() int {
	c := connect()
	n, previous := c.Worker()
	say("worker %d %s", n, previous)
	c.Ready()
	if n == 1 {
		unix.Kill(os.Getpid(), unix.SIGSTOP)
		select {}
	}
	c.Leave(0)
	return 0
}

func TestSilentWorkerIsReplaced(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for a heartbeat")
	}
	d := startKeeper(t, "silent")
	d.expect("worker 1")
	if got := d.expect("worker 2"); got != "no heartbeat" {
		t.Errorf("the first worker ended so: %q", got)
	}
	d.exit()
}

// picky asks to be replaced by what it reads from stdin.
func picky() int {
	c := connect()
	n, previous := c.Worker()
	say("worker %d %s", n, previous)
	if c.Held(State) == nil {
		fd, _ := memoryFile("state", []byte(os.Getenv("TEST_STATE")))
		c.Hold(State, os.NewFile(uintptr(fd), "state"))
	}
	c.Ready()
	if n > 1 {
		c.Leave(0)
		return 0
	}
	path := make([]byte, 200)
	size, _ := os.Stdin.Read(path)
	if err := c.Upgrade(string(path[:size])); err != nil {
		say("stays %v", err)
		c.Leave(0)
		return 0
	}
	<-c.Yield()
	say("yields")
	return 0
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	d := startKeeper(t, "picky", "TEST_STATE=state 1")
	d.expect("worker 1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(d.stdin, self)
	d.expect("yields")
	if got := d.expect("worker 2"); got != "upgraded" {
		t.Errorf("the first worker ended so: %q", got)
	}
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestUpgradeFails(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "text")
	os.WriteFile(text, []byte("no program"), 0o755)
	for _, c := range []struct{ state, path, want string }{
		{"state 2", self, "exit status 9"},
		{"state 1", "/nowhere", "no such file or directory"},
		{"state 1", text, "exec format error"},
		{"state 1", "/bin/true", "it ended with exit status 0 and took over nothing: is it a gafferd?"},
	} {
		d := startKeeper(t, "picky", "TEST_STATE="+c.state)
		d.expect("worker 1")
		io.WriteString(d.stdin, c.path)
		if got := d.expect("stays "); !strings.Contains(got, c.want) {
			t.Errorf("%s with %s: %q, want %q", c.path, c.state, got, c.want)
		}
		if code := d.exit(); code != 0 {
			t.Errorf("%s: exit code %d", c.path, code)
		}
	}
}

// A path that no file can have is refused by the worker itself, which the answer would kill.
func TestUpgradeToALongPath(t *testing.T) {
	long := "/" + strings.Repeat("x", maxData-10)
	if err := new(Conn).Upgrade(long); !errors.Is(err, unix.ENAMETOOLONG) {
		t.Errorf("got %v", err)
	}
}

// TestAttr fails for a property of spawn.Attr that does not reach the keeper.
func TestAttr(t *testing.T) {
	a := spawn.Attr{
		Path: "/bin/\xff", Args: []string{"a", "", strings.Repeat("b", 1000)}, Env: []string{"A=\x01"}, Dir: "/tmp",
		Files: []int{10, -1, 11}, Cgroup: spawn.To(9), Setsid: true, Setpgid: true, Umask: spawn.To(0), Slow: true,
		SetUser: true, UID: 1, GID: 1 << 31, Groups: []uint32{4, 5},
		Limits: spawn.Limits{
			Resources:   []spawn.Resource{{Number: 7, Soft: 1024, Hard: spawn.Infinity}, {Number: 1}},
			OOMScoreAdj: spawn.To(-1000), Nice: spawn.To(-20), NoNewPrivs: true, LimitCaps: true, Caps: 1 << 40, Bounding: spawn.Infinity,
		},
	}
	fillsAll(t, a)
	fillsAll(t, a.Limits)
	fd := 8
	got, err := decode(encode(nil, &a), func() (int, error) { fd++; return fd, nil }, -1)
	if err != nil {
		t.Fatal(err)
	}
	sameAttr(t, got, a)
	if _, err := decode(append(encode(nil, &a), 99, 0), func() (int, error) { return 1, nil }, -1); err == nil {
		t.Error("a field that the keeper does not know is ignored")
	}
	encoded := encode(nil, &a)
	for n := range encoded {
		decode(bytes.Clone(encoded[:n]), func() (int, error) { return 1, nil }, -1) // does not panic
	}
}

// stuck is upgraded to a program that takes over, lives on and never serves.
func stuck() int {
	c := connect()
	n, previous := c.Worker()
	say("worker %d %s", n, previous)
	if n == 2 {
		c.Beat(nil, func() {})
	}
	c.Ready()
	if n > 2 {
		c.Leave(0)
		return 0
	}
	self, err := os.Executable()
	if err == nil {
		err = c.Upgrade(self)
	}
	if err != nil {
		say("stays %v", err)
		return 1
	}
	<-c.Yield()
	return 0
}

func TestUpgradeThatHangs(t *testing.T) {
	t.Parallel()
	d := startKeeper(t, "stuck", "TEST_READY_TIME=100ms")
	d.expect("worker 1")
	d.expect("worker 2 upgraded")
	if got := d.expect("worker 3"); got != "not ready in time" {
		t.Errorf("the second worker ended so: %q", got)
	}
	if code := d.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
