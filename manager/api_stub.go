package manager

import (
	"context"
	"errors"
	"log/slog"
	"syscall"
	"time"

	"github.com/gafferd/gaffer/process"
	"github.com/gafferd/gaffer/streams"
)

// ---- template.go, properties.go

type Template struct {
	process.Spec
	NumProcesses int
	Start        bool
	Priority     *int
	Restart      Restart // RestartAlways, RestartOnFailure, RestartNever
	Backoff      Backoff
	Flapping     *Flapping
}

type Restart string

type Backoff struct{ Initial, Max, Reset time.Duration }
type Flapping struct {
	Attempts        int
	Window, RetryIn time.Duration
	MaxRetry        int
}

func NewTemplate(name, cmd string) Template { panic("stub") }
func (t *Template) Validate() error         { panic("stub") }

// ParseTemplate reads a description from decoded JSON, YAML or INI: values are nil, bool, float64, int,
// string, []any, map[string]any. All mistakes at once (errors.Join of *process.PropertyError); an unknown property
// names the nearest known one.
func ParseTemplate(properties map[string]any) (Template, error) { panic("stub") }

// Properties are all properties with their effective values, in the order of the docs.
func (t *Template) Properties() []Property { panic("stub") }

type Property struct {
	Name  string
	Value any
}

// ---- errors

var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("already exists")
	ErrInvalid  = process.ErrInvalid
	ErrBadValue = errors.New("bad value") // numprocesses beyond the limit and the like
	ErrClosed   = errors.New("manager is stopping")
	ErrBadEvent = errors.New("no such event")
)

// ---- manager.go

type Options struct {
	Launcher        process.Launcher
	Memory          int64 // bytes for all streams; 0: 256 MiB
	MaxNumProcesses int   // 0: 10,000
	Environ         []string
	Logger          *slog.Logger
}

type Manager struct{}

func New(o Options) *Manager                          { panic("stub") }
func (m *Manager) Shutdown(ctx context.Context) error { panic("stub") } // stops everything gracefully; ctx's end kills

func (m *Manager) Create(t Template) (*Operation, error)              { panic("stub") }
func (m *Manager) Load(ts []Template) (*Operation, error)             { panic("stub") } // by priority, in batches
func (m *Manager) Update(name string, t Template) (*Operation, error) { panic("stub") }
func (m *Manager) Delete(name string) (*Operation, error)             { panic("stub") }
func (m *Manager) Start(name string) (*Operation, error)              { panic("stub") }
func (m *Manager) Stop(name string) (*Operation, error)               { panic("stub") }
func (m *Manager) Restart(name string) (*Operation, error)            { panic("stub") }
func (m *Manager) Add(name string, n int) (int, *Operation, error)    { panic("stub") }
func (m *Manager) Sub(name string, n int) (int, *Operation, error)    { panic("stub") }
func (m *Manager) Scale(name string, n int) (int, *Operation, error)  { panic("stub") }
func (m *Manager) StopPID(pid int) (*Operation, error)                { panic("stub") }
func (m *Manager) Signal(name string, sig syscall.Signal) error       { panic("stub") }
func (m *Manager) SignalPID(pid int, sig syscall.Signal) error        { panic("stub") }
func (m *Manager) StartGroup(g string) (*Operation, error)            { panic("stub") }
func (m *Manager) StopGroup(g string) (*Operation, error)             { panic("stub") }
func (m *Manager) RestartGroup(g string) (*Operation, error)          { panic("stub") }
func (m *Manager) DeleteGroup(g string) (*Operation, error)           { panic("stub") }

func (m *Manager) Names() []string                                                 { panic("stub") } // creation order
func (m *Manager) Template(name string) (Template, error)                          { panic("stub") }
func (m *Manager) Groups() []string                                                { panic("stub") }
func (m *Manager) Group(g string) ([]string, error)                                { panic("stub") }
func (m *Manager) Status(name string) (Status, error)                              { panic("stub") }
func (m *Manager) Instances() []Instance                                           { panic("stub") } // all that run, by pid
func (m *Manager) InstancesOf(name string) ([]Instance, error)                     { panic("stub") }
func (m *Manager) Instance(pid int) (Instance, error)                              { panic("stub") }
func (m *Manager) Exits(name string) ([]ExitRecord, error)                         { panic("stub") }
func (m *Manager) ExitOf(pid int) (ExitRecord, error)                              { panic("stub") } // the exit of a finished instance still listed
func (m *Manager) Stats(ctx context.Context, name string) ([]InstanceStats, error) { panic("stub") }
func (m *Manager) Log(pid int, label string) (*streams.Log, error)                 { panic("stub") } // also of finished instances still in _exits
func (m *Manager) Labels(pid int) ([]string, error)                                { panic("stub") }
func (m *Manager) Input(pid int, label string) (*process.Input, error)             { panic("stub") }
func (m *Manager) Events() *Events                                                 { panic("stub") }

// Operation is something under way. Done is closed when it has happened, or when a later operation on the same
// template has taken its place.
type Operation struct{}

func (o *Operation) Done() <-chan struct{}          { panic("stub") }
func (o *Operation) Wait(ctx context.Context) error { panic("stub") } // nil, ctx's error, or why it could not happen (a failed start)

type Status struct {
	Active       bool
	Running      int
	MaxProcesses int
	NumProcesses int
	State        string // stopped, starting, running, stopping, backoff, flapping, failed
	NextRetryAt  time.Time
	LastError    string // why the last start failed
}

type Instance struct {
	PID, OSPid, Index int
	Name              string
	State             string // running, stopping
	StartedAt         time.Time
	Streams           []string
	Remaining         []int // os pids still alive while it is being stopped
}

type ExitRecord struct {
	PID int
	process.Exit
	NextRetryAt time.Time
}

type InstanceStats struct {
	PID int
	process.Stats
}

// ---- events.go

// Event is one happening under one of its two names.
type Event struct {
	Seq        uint64
	Time       time.Time
	Event      string // the name under which it is delivered: "exit" or "proc.web.exit"
	Type       string // "exit"
	Name       string // process name
	PID, OSPid int
	ExitStatus int
	TermSignal int
	Reason     string
	Detached   bool
}

type Events struct{}

// Pattern is which events a subscriber wants: parts as in the path of /watch. ErrBadEvent for an unknown event.
type Pattern struct{}

func ParsePattern(parts ...string) (Pattern, error) { panic("stub") }

func (e *Events) Last() uint64                                   { panic("stub") }
func (e *Events) Subscribe(p Pattern, since uint64) *EventCursor { panic("stub") }

type EventCursor struct{}

// Next waits for the next matching event. missed > 0: so many matching-or-not events after since are no longer kept.
// idle as in streams: streams.ErrIdle.
func (c *EventCursor) Next(ctx context.Context, idle time.Duration) (ev Event, missed uint64, err error) {
	panic("stub")
}
