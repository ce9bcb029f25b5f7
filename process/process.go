package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// Errors that callers may test for with errors.Is.
var (
	ErrNoStream      = errors.New("no such stream")
	ErrNotRedirected = errors.New("stream not redirected")
	ErrNotWritable   = errors.New("stream not writable")
	ErrNotRunning    = errors.New("process is not running")
)

// Options is what an instance is given beside its description. The zero value
// works.
type Options struct {
	Launcher Launcher // nil: the in-process one that all share
	PID      int      // the daemon's own id, GAFFER_PID
	Index    int      // 1 … numprocesses, GAFFER_INDEX
	Marker   string   // tells its descendants from all other processes; "" is a new one
	Environ  []string // base environment when OSEnv; nil is os.Environ()
	Memory   *streams.Memory
	Sequence *streams.Sequence

	// NewLog makes the log of a stream: of fd 1 or 2, or of a custom one from 3
	// on. It is called before anything of the stream is read, with options that
	// it may add to. nil is streams.NewLog.
	NewLog func(label string, fd int, o streams.Options) *streams.Log

	// Expected are the labels of streams that something will be written to soon, most
	// likely. What a Keeper needs for them is made while the program begins.
	Expected []string

	// Unkept is told why a Keeper does not have what is read of a stream, which then
	// is lost with this program. nil: nobody is told.
	Unkept func(label string, err error)

	// Unread is told, once for each stream and with lost as 0, that there is no memory for
	// what the program has written to it: that waits in the pipe, and the program when the
	// pipe is full. If there is none at the stream's end, it is told that so many bytes are
	// lost, perhaps as the first that it hears. The stream waits for it, and so does the end
	// of the instance. nil: nobody is told.
	Unread func(label string, lost int, err error)
}

// Process is one running instance of a program, with its streams. It owns the
// program until Done is closed, by which time everything the program started is
// gone and every stream has ended; the logs stay readable.
//
// A Process is safe for concurrent use. While it is idle it has one goroutine
// for each stream that can be read, one more that waits for the end of its leader
// unless a Keeper does, and no OS thread.
type Process struct {
	spec    *Spec // set by Start, never changed, like the fields up to the blank line
	child   Child
	started time.Time
	streams []*stream          // stdin, the outputs, the custom ones
	cut     context.CancelFunc // lets no reader wait for its log any more
	exited  chan struct{}      // closed when the leader is gone
	forced  chan struct{}      // closed when what is left is to be killed
	settled chan struct{}      // closed when no descendant is left
	done    chan struct{}
	work    sync.WaitGroup // all who use the child or its pipes; the owner waits for them

	mu      sync.Mutex // guards everything below
	state   state
	exit    Exit
	onDone  func()
	samples map[int]sample // of Stats, by os pid
}

// Start starts the program. An error says why it could not be started, wrapped
// with the name: "start web: ./web: no such file or directory". It keeps spec, which
// must not be modified any more and may be that of many.
func Start(spec *Spec, o Options) (*Process, error) {
	p, err := start(spec, o)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return p, nil
}

// GiveUp ends the launch of the instance with that Options.PID by l (nil: the one that all
// share), if it is under way and takes long, as on a disk that does not answer: see
// Launcher.
func GiveUp(l Launcher, pid int) {
	if l == nil {
		var err error
		if l, err = sharedLauncher(); err != nil {
			return // nothing was launched
		}
	}
	l.GiveUp(pid)
}

func start(spec *Spec, o Options) (*Process, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	cmd, err := spec.command(&o)
	if err != nil {
		return nil, err
	}
	launcher := o.Launcher
	if launcher == nil {
		if launcher, err = sharedLauncher(); err != nil {
			return nil, err
		}
	}
	pipes, err := openPipes(spec)
	if err != nil {
		return nil, err
	}
	cmd.Files, cmd.Ours, cmd.ID = pipes.theirs, pipes.ours, o.PID
	child, err := launcher.Launch(cmd)
	closeFiles(pipes.theirs)
	if err != nil {
		closeFiles(pipes.ours)
		return nil, err
	}
	p := newProcess(spec, child, time.Now())
	if spec.Detach {
		p.letGo()
		return p, nil
	}
	ctx, cut := context.WithCancel(context.Background())
	p.cut = cut
	p.connect(ctx, pipes, &o)
	p.begin()
	return p, nil
}

// begin starts the goroutines, and has the last one started when the leader ends.
func (p *Process) begin() {
	if child, ok := p.child.(KeptChild); ok {
		child.OnUnkept(p.unkept)
	}
	for _, s := range p.streams {
		if s.reader != nil {
			p.work.Go(s.reader.run)
		}
	}
	p.child.OnEnd(p.end)
}

func newProcess(spec *Spec, child Child, started time.Time) *Process {
	return &Process{
		spec:    spec,
		child:   child,
		started: started,
		exited:  make(chan struct{}),
		forced:  make(chan struct{}),
		settled: make(chan struct{}),
		done:    make(chan struct{}),
		exit:    Exit{OSPid: child.Pid(), StartedAt: started},
	}
}

// OSPid is the kernel's id of the leader.
func (p *Process) OSPid() int { return p.child.Pid() }

// StartedAt is when the program was started.
func (p *Process) StartedAt() time.Time { return p.started }

// Exited is closed when the leader is gone.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Done is closed when the leader and all its descendants are gone and every
// stream has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// OnDone has f called once Done is closed, in a goroutine that holds up nobody else.
// OnDone is called once.
func (p *Process) OnDone(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == ended {
		go f()
		return
	}
	p.onDone = f
}

// Exit says how it ended. It is the zero value before Done is closed.
func (p *Process) Exit() Exit {
	select {
	case <-p.done:
	default:
		return Exit{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exit
}

// Signal sends sig to the leader alone. It returns ErrNotRunning when the
// leader has ended. SIGKILL ends a stop under way: all that is left is killed,
// the leader or not.
func (p *Process) Signal(sig syscall.Signal) error {
	if err := p.signal(sig); err != nil {
		return fmt.Errorf("signal %s to %s: %w", SignalName(sig), p.spec.Name, err)
	}
	return nil
}

func (p *Process) signal(sig syscall.Signal) error {
	if sig == syscall.SIGKILL && p.hasten() {
		return nil
	}
	if p.alive() != nil || !p.hold() {
		return ErrNotRunning
	}
	defer p.work.Done()
	err := p.child.Signal(sig)
	if errors.Is(err, os.ErrProcessDone) {
		return ErrNotRunning
	}
	return err
}

// alive returns ErrNotRunning when the leader has ended.
func (p *Process) alive() error {
	select {
	case <-p.exited:
		return ErrNotRunning
	default:
		return nil
	}
}

// hold keeps the child from being released until p.work.Done is called. It
// reports false when it is too late for that.
func (p *Process) hold() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state >= draining {
		return false
	}
	p.work.Add(1)
	return true
}
