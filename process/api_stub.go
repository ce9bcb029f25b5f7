package process

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// ---- spec.go

type Spec struct {
	Name            string
	Cmd             string
	Args            []string // given as a list; nil when not given
	ArgsLine        string   // given as one string, split when started; at most one of the two
	Env             map[string]string
	OSEnv           bool
	UID, GID        string // name or number; "" is the daemon's
	Cwd             string // "" is the daemon's
	Umask           int    // -1 is the daemon's
	Shell           bool
	Detach          bool
	GracefulTimeout time.Duration
	StopSignal      syscall.Signal
	RedirectOutput  []string
	RedirectInput   bool
	CustomStreams   []string
	Backpressure    bool
}

// NewSpec has every default of api.md filled in.
func NewSpec(name, cmd string) Spec { panic("stub") }

// Validate: errors.Join of *PropertyError, all at once.
func (s *Spec) Validate() error { panic("stub") }

// PropertyError names the property, what is wrong with it, what is wanted.
type PropertyError struct{ Property, Problem string }

func (e *PropertyError) Error() string { return e.Property + ": " + e.Problem }
func (e *PropertyError) Unwrap() error { return ErrInvalid }

var (
	ErrInvalid       = errors.New("invalid process description")
	ErrNoStream      = errors.New("no such stream")        // 404 io_not_found
	ErrNotRedirected = errors.New("stream not redirected") // 400 io_not_redirected
	ErrNotWritable   = errors.New("stream not writable")   // 403 forbidden_write
	ErrInputClosed   = errors.New("input closed")          // 409
	ErrInputHole     = errors.New("input hole")            // 409 (?at= beyond what was written)
	ErrNotRunning    = errors.New("process is not running")
)

// ParseSignal accepts numbers and names in any case: 15, term, SIGTERM.
func ParseSignal(s string) (syscall.Signal, error) { panic("stub") }
func SignalName(sig syscall.Signal) string         { panic("stub") } // "TERM"

// ---- process.go

type Options struct {
	Launcher Launcher // nil: the in-process one
	PID      int      // the daemon's own id, GAFFER_PID
	Index    int      // 1 … numprocesses, GAFFER_INDEX
	Environ  []string // base environment when OSEnv; nil is os.Environ()
	Memory   *streams.Memory
	Sequence *streams.Sequence
}

type Process struct{}

// Start starts the program. An error is about why it could not be started, wrapped with the name:
// "start web: ./web: no such file or directory".
func Start(spec Spec, o Options) (*Process, error) { panic("stub") }

func (p *Process) OSPid() int                               { panic("stub") }
func (p *Process) StartedAt() time.Time                     { panic("stub") }
func (p *Process) Labels() []string                         { panic("stub") } // output labels first, then custom streams
func (p *Process) Logs() map[string]*streams.Log            { panic("stub") } // outlive the process
func (p *Process) Log(label string) (*streams.Log, error)   { panic("stub") } // ErrNoStream, ErrNotRedirected
func (p *Process) Input(label string) (*Input, error)       { panic("stub") } // "stdin" or a custom label
func (p *Process) Signal(sig syscall.Signal) error          { panic("stub") } // to the leader; ErrNotRunning
func (p *Process) Stop(reason string)                       { panic("stub") } // begins a graceful stop, returns at once, idempotent
func (p *Process) Kill(reason string)                       { panic("stub") } // SIGKILL to all of it now
func (p *Process) Remaining() []int                         { panic("stub") } // os pids still alive while stopping
func (p *Process) Exited() <-chan struct{}                  { panic("stub") } // leader is gone
func (p *Process) Done() <-chan struct{}                    { panic("stub") } // leader and descendants gone, streams ended
func (p *Process) Exit() Exit                               { panic("stub") } // valid after Done
func (p *Process) Stats(ctx context.Context) (Stats, error) { panic("stub") }

type Exit struct {
	OSPid      int
	StartedAt  time.Time
	EndedAt    time.Time
	ExitStatus int // 0 when killed by a signal
	TermSignal int // 0 when it exited
	Reason     string
	Stderr     []string // last lines
}

type Stats struct {
	PID        int // os
	CPU        float64
	Mem        float32 // percent
	RSS, VMS   uint64
	CTime      time.Time
	Username   string
	Nice       int32
	Cmdline    string
	CPUSeconds float64
	NumFDs     int32
	NumThreads int32
	Unreadable []string // which of these could not be read
	Children   []Stats
}

// ---- input.go

// Input is the writable side of stdin or a custom stream.
type Input struct{}

// Copy writes all of r, in order with other writers (64 KiB pieces are never mixed). at < 0: no offset given.
// written counts this call's bytes, offset is the total ever accepted by the pipe.
func (in *Input) Copy(ctx context.Context, r interface{ Read([]byte) (int, error) }, at int64) (written, offset int64, err error) {
	panic("stub")
}
func (in *Input) Close() error { panic("stub") }

// ---- launch.go

// Launcher starts operating system processes.
type Launcher interface {
	Launch(c Command) (Child, error)
}

type Command struct {
	Path       string
	Args       []string // with argv[0]
	Env        []string
	Dir        string
	Files      []*os.File // the child's fd 0, 1, 2, 3 …; nil is /dev/null
	Ours       []*os.File // the daemon's end of each, or nil: a launcher that outlives the daemon keeps copies
	Credential *Credential
	Umask      int // -1: inherit
	Detach     bool
	Marker     string // environment entry by which descendants are recognised
}

type Credential struct {
	UID, GID uint32
	Groups   []uint32
}

// Child is a launched program (its leader) and all that descends from it.
type Child interface {
	Pid() int
	Wait() Status                       // blocks, without holding an OS thread, until the leader has ended; call once
	Signal(sig syscall.Signal) error    // the leader only; os.ErrProcessDone
	SignalAll(sig syscall.Signal) error // the leader and every descendant that is left
	Descendants() []int                 // those still alive, the leader not included
	Release()                           // no descendant is left: give back what containment holds
}

type Status struct {
	ExitStatus int
	TermSignal int
}
