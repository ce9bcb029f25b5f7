package manager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gafferd/gaffer/process"
)

// fakeLauncher starts nothing. It keeps what would run, and complains about a
// slot that would run twice.
type fakeLauncher struct {
	refuse  func(c process.Command) error // nil: nothing is refused; set before use
	takes   time.Duration                 // how long a launch takes
	stopFor time.Duration                 // how long a child takes to end after SIGTERM; negative: it ignores that
	hang    string                        // launches of processes whose names begin so last until they are given up; "": of none

	mu       sync.Mutex // guards everything below
	pids     int
	children map[string]*fakeChild // alive, by slot: web-1
	launches int
	most     int // children alive at once
	twice    []string
	times    []time.Time // of every launch
	hung     map[int]chan struct{}
}

type fakeChild struct {
	launcher *fakeLauncher
	slot     string
	pid      int
	env      map[string]string
	ended    chan process.Status
}

func (l *fakeLauncher) GiveUp(id int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if hung := l.hung[id]; hung != nil {
		close(hung)
		delete(l.hung, id)
	}
}

// hangs lasts until the launch is given up.
func (l *fakeLauncher) hangs(id int) {
	hung := make(chan struct{})
	l.mu.Lock()
	if l.hung == nil {
		l.hung = make(map[int]chan struct{})
	}
	l.hung[id] = hung
	l.mu.Unlock()
	<-hung
}

func (l *fakeLauncher) Launch(c process.Command) (process.Child, error) {
	ofHung := func(entry string) bool { return strings.HasPrefix(entry, "GAFFER_NAME="+l.hang) }
	if l.hang != "" && slices.ContainsFunc(c.Env, ofHung) {
		l.hangs(c.ID)
		return nil, errors.New("given up")
	}
	if l.takes > 0 {
		time.Sleep(l.takes) // in a bubble, where time is fake
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times = append(l.times, time.Now())
	if l.refuse != nil {
		if err := l.refuse(c); err != nil {
			return nil, err
		}
	}
	env := map[string]string{}
	for _, entry := range c.Env {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	l.pids++
	l.launches++
	child := &fakeChild{l, env["GAFFER_NAME"] + "-" + env["GAFFER_INDEX"], 1000 + l.pids, env, make(chan process.Status, 1)}
	if l.children == nil {
		l.children = map[string]*fakeChild{}
	}
	if l.children[child.slot] != nil {
		l.twice = append(l.twice, child.slot)
	}
	l.children[child.slot] = child
	l.most = max(l.most, len(l.children))
	return child, nil
}

// end ends the child, once.
func (c *fakeChild) end(status process.Status) {
	c.launcher.mu.Lock()
	defer c.launcher.mu.Unlock()
	if c.launcher.children[c.slot] == c {
		delete(c.launcher.children, c.slot)
		c.ended <- status
	}
}

func (c *fakeChild) Pid() int                     { return c.pid }
func (c *fakeChild) OnEnd(f func(process.Status)) { go func() { f(<-c.ended) }() }
func (c *fakeChild) Descendants() ([]int, error)  { return nil, nil }
func (c *fakeChild) Release()                     {}

func (c *fakeChild) SignalAll(sig syscall.Signal) error { return c.Signal(sig) }

func (c *fakeChild) Signal(sig syscall.Signal) error {
	c.launcher.mu.Lock()
	alive := c.launcher.children[c.slot] == c
	c.launcher.mu.Unlock()
	switch after := c.launcher.stopFor; {
	case !alive:
		return os.ErrProcessDone
	case sig == syscall.SIGTERM && after < 0:
	case sig == syscall.SIGTERM && after > 0:
		time.AfterFunc(after, func() { c.end(process.Status{TermSignal: int(sig)}) })
	default:
		c.end(process.Status{TermSignal: int(sig)})
	}
	return nil
}

// alive are the slots that run.
func (l *fakeLauncher) alive() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.children))
}

func (l *fakeLauncher) child(slot string) *fakeChild {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.children[slot]
}

// exit lets the instance of a slot exit by itself, and waits until that has
// had its effect.
func (l *fakeLauncher) exit(slot string, status int) {
	l.child(slot).end(process.Status{ExitStatus: status})
	synctest.Wait()
}

// fixture is a Manager in a bubble, on a fakeLauncher.
type fixture struct {
	*testing.T
	*Manager
	*fakeLauncher
	seen uint64 // the last event that events has returned
}

// bubble runs test with a fixture, and sees to it that nothing is left of it.
func bubble(t *testing.T, l *fakeLauncher, test func(f *fixture)) {
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{T: t, Manager: New(Options{Launcher: l, Environ: []string{}}), fakeLauncher: l}
		test(f)
		if err := f.Shutdown(t.Context()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if len(l.alive()) > 0 || len(l.twice) > 0 {
			t.Errorf("left over: %v; twice: %v", l.alive(), l.twice)
		}
	})
}

// quiet is a template without pipes, which have no place in a bubble.
func quiet(name string, change ...func(*Template)) Template {
	t := NewTemplate(name, "/bin/fake")
	t.RedirectOutput = []string{}
	for _, c := range change {
		c(&t)
	}
	return t
}

func count(n int) func(*Template)          { return func(t *Template) { t.NumProcesses = n } }
func restarting(r Restart) func(*Template) { return func(t *Template) { t.Restart = r } }
func flapping(f Flapping) func(*Template)  { return func(t *Template) { t.Flapping = &f } }
func priority(n int) func(*Template)       { return func(t *Template) { t.Priority = &n } }
func command(cmd string) func(*Template)   { return func(t *Template) { t.Cmd = cmd } }
func graceful(d time.Duration) func(*Template) {
	return func(t *Template) { t.GracefulTimeout = d }
}

// do fails the test if an operation was refused, and lets it have its effect.
func (f *fixture) do(o *Operation, err error) *Operation {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
	synctest.Wait()
	return o
}

// over fails the test unless o is over.
func (f *fixture) over(o *Operation) error {
	f.Helper()
	select {
	case <-o.Done():
	default:
		f.Error("the operation is not over")
		return nil
	}
	return o.Wait(context.Background())
}

func (f *fixture) pending(o *Operation) {
	f.Helper()
	select {
	case <-o.Done():
		f.Error("the operation is over")
	default:
	}
}

// events are those that have come since the last call, by their plain names:
// "spawn web 1".
func (f *fixture) events() string {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var events []string
	for c := f.Events().Subscribe(Pattern{}, f.seen); ; {
		ev, _, err := c.Next(ctx, 0)
		if err != nil {
			sortExits(events)
			return strings.Join(events, ", ")
		}
		f.seen = ev.Seq
		if ev.Event != ev.Type {
			continue
		}
		text := ev.Type + " " + ev.Name
		if ev.PID > 0 {
			text += " " + strconv.Itoa(ev.PID)
		}
		events = append(events, text)
	}
}

// sortExits puts exits that follow each other in order: those that come at one
// moment come in any.
func sortExits(events []string) {
	for i := range events {
		j := i
		for j < len(events) && strings.HasPrefix(events[j], "exit ") {
			j++
		}
		slices.Sort(events[i:j])
	}
}

func (f *fixture) wantEvents(want string) {
	f.Helper()
	if got := f.events(); got != want {
		f.Errorf("events:\n got %s\nwant %s", got, want)
	}
}

// wantAlive compares what runs: "web-1 web-2".
func (f *fixture) wantAlive(want string) {
	f.Helper()
	if got := strings.Join(f.alive(), " "); got != want {
		f.Errorf("alive: %q, want %q", got, want)
	}
}

func (f *fixture) wantState(name, want string) Status {
	f.Helper()
	st, err := f.Status(name)
	if err != nil || st.State != want {
		f.Errorf("%s is %s, %v; want %s", name, st.State, err, want)
	}
	return st
}

// pidsOf is "web-1:1 web-2:2", by pid.
func (f *fixture) pidsOf(name string) string {
	f.Helper()
	instances, err := f.InstancesOf(name)
	if err != nil {
		f.Fatal(err)
	}
	var pids []string
	for _, inst := range instances {
		pids = append(pids, fmt.Sprintf("%s-%d:%d", inst.Name, inst.Index, inst.PID))
	}
	return strings.Join(pids, " ")
}

// killSome kills one in so many of those that are alive.
func (l *fakeLauncher) killSome(in int) {
	for _, slot := range l.alive() {
		if child := l.child(slot); child != nil && rand.IntN(in) == 0 {
			child.Signal(syscall.SIGKILL) // it may be gone by now
		}
	}
}
