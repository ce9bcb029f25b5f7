package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/streams"
)

// Options say how to print. The zero value prints output without colours.
type Options struct {
	Color  bool // a colour for each process, for terminals
	Events bool // also a line where an instance starts and ends
	Width  int  // room for names, when it is known how long they will be
}

// Console prints the output of a manager's processes. Start from New.
type Console struct {
	manager *manager.Manager
	options Options
	events  *manager.EventCursor
	out     *printer
	notes   notes
}

// New is a Console that will write to out what the processes of m print: those
// that run now and all that are started from now on, whenever Run is called.
func New(m *manager.Manager, out io.Writer, o Options) *Console {
	everything, _ := manager.ParsePattern() // no pattern is always valid
	return &Console{
		manager: m,
		options: o,
		events:  m.Events().Subscribe(everything, m.Events().Last()),
		out:     newPrinter(out, o),
		notes:   notes{news: make(chan struct{}, 1)},
	}
}

// Run prints until the manager has shut down and all that there was to print
// is printed, or until ctx ends, or until out fails: only then it returns an
// error. When Run returns, everything that it started has ended. It is called
// once.
//
// While out takes nothing, neither does Run: a caller that cannot wait for it
// has to close out.
func (c *Console) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	f := &followers{console: c, ctx: ctx, stop: stop, of: map[int]*follower{}}
	defer f.wait()
	defer c.tellNotes()()

	f.sync()
	for {
		ev, missed, err := c.events.Next(ctx, 0)
		switch {
		case err == io.EOF:
			f.wait()
			c.Status("") // nothing is under way any more
			c.tell()
			return c.out.flush()
		case err != nil:
			return c.out.failure()
		case missed > 0:
			f.sync()
		}
		if ev.Event == ev.Type { // the other name of the same happening is not news
			f.handle(ev)
		}
	}
}

// followers are those who read the streams of one instance each. They are used
// by the goroutine of Run alone.
type followers struct {
	console *Console
	ctx     context.Context
	stop    context.CancelCauseFunc
	of      map[int]*follower // by pid
}

// follower reads all streams of an instance, a goroutine for each.
type follower struct {
	label *label
	work  sync.WaitGroup
}

// sync follows what runs, and lets go of what does not run any more.
func (f *followers) sync() {
	running := map[int]bool{}
	for _, i := range f.console.manager.Instances() {
		running[i.PID] = true
		f.follow(i.PID, i.Name, i.Index)
	}
	for pid, follower := range f.of {
		if !running[pid] {
			follower.work.Wait()
			delete(f.of, pid)
		}
	}
}

func (f *followers) handle(ev manager.Event) {
	out, show := f.console.out, f.console.options.Events
	switch ev.Type {
	case manager.EventSpawn:
		f.follow(ev.PID, ev.Name, ev.Index)
		if show {
			out.print(f.of[ev.PID].label, ev.Time, fmt.Appendf(nil, "started as os pid %d", ev.OSPid))
		}
	case manager.EventExit:
		follower, ok := f.of[ev.PID]
		if !ok { // it could not even be started
			follower = f.newFollower(ev.Name, ev.Index)
		}
		// Its streams have ended. Waiting keeps its last lines above the line
		// about its end, and the number of followers to what runs, also where
		// instances come and go faster than out takes their lines.
		follower.work.Wait()
		delete(f.of, ev.PID)
		if show {
			out.print(follower.label, ev.Time, []byte(ending(ev)))
		}
	}
	if show {
		out.flush() // an error is met again by whoever prints next
	}
}

func ending(ev manager.Event) string {
	switch {
	case ev.OSPid == 0:
		return ev.Reason
	case ev.TermSignal != 0:
		return fmt.Sprintf("ended by signal %d", ev.TermSignal)
	default:
		return fmt.Sprintf("exited with status %d", ev.ExitStatus)
	}
}

func (f *followers) newFollower(name string, index int) *follower {
	return &follower{label: f.console.out.label(name, index)}
}

// follow begins to read the outputs of an instance from their beginning.
func (f *followers) follow(pid int, name string, index int) {
	if f.of[pid] != nil {
		return
	}
	w := f.newFollower(name, index)
	f.of[pid] = w
	labels, err := f.console.manager.Labels(pid)
	if err != nil {
		return // it has come and gone, and its output with it
	}
	var custom []string // are for programs to read, not for people
	if t, err := f.console.manager.Template(name); err == nil {
		custom = t.CustomStreams
	}
	for _, stream := range labels {
		if slices.Contains(custom, stream) {
			continue
		}
		log, err := f.console.manager.Log(pid, stream)
		if err != nil {
			continue
		}
		lines := streams.NewLines(log, 0)
		w.work.Go(func() {
			defer lines.Close()
			if err := f.console.copy(f.ctx, lines, w.label); err != nil {
				f.stop(err)
			}
		})
	}
}

// wait waits for all followers.
func (f *followers) wait() {
	for _, w := range f.of {
		w.work.Wait()
	}
}

// copy prints the lines of one stream until it ends. An error is out's.
func (c *Console) copy(ctx context.Context, lines *streams.Lines, label *label) error {
	for {
		// Output is flushed when there is no more of it for now, so that a flood
		// costs a write for many lines and a single line is seen at once.
		line, err := lines.Next(ctx, 1)
		if errors.Is(err, streams.ErrIdle) {
			if err := c.out.flush(); err != nil {
				return err
			}
			line, err = lines.Next(ctx, 0)
		}
		if err != nil {
			return c.out.flush()
		}
		if err := c.printLine(label, line); err != nil {
			return err
		}
	}
}

func (c *Console) printLine(label *label, line streams.Line) error {
	if line.Missed > 0 {
		note := fmt.Appendf(nil, "[%d bytes are missing here: they came faster than they could be shown]", line.Missed)
		return c.out.print(label, time.Now(), note)
	}
	if line.Continuation && len(line.Text) == 0 {
		return nil // nothing but the end of a line that was shown already
	}
	return c.out.print(label, line.Time, line.Text)
}
