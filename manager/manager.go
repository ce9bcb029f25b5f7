package manager

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gafferd/gaffer/manager/vault"
	"github.com/gafferd/gaffer/process"
	"github.com/gafferd/gaffer/streams"
)

// Options configure a Manager. The zero value works.
type Options struct {
	Launcher        process.Launcher // nil: the in-process one
	MaxNumProcesses int              // of one template; 0: DefaultMaxNumProcesses
	MaxProcesses    int              // templates that Create and Run may add to; 0: DefaultMaxProcesses
	Environ         []string         // what os_env stands for; nil: the environment of this program
	Logger          *slog.Logger     // nil: nothing is logged
	State           *State           // what outlives this program; nil: nothing does
	RunHistory      time.Duration    // how long what Run has run is listed after its end; 0: an hour
	OutputWindow    int64            // bytes of each output that are kept in memory for readers to come; 0: streams.DefaultWindow
	OutputMemory    int64            // bytes of memory for the output of all instances; 0: DefaultOutputMemory
	Vault           *vault.Vault     // what outlives a crash of this program, with a process.Keeper as Launcher; nil: nothing does
}

// DefaultOutputMemory is how many bytes of memory there are for the output of all
// instances, unless Options.OutputMemory says otherwise.
const DefaultOutputMemory = 256 << 20

// maxLaunching bounds how many programs are being started at one moment. Each
// takes an OS thread until its exec. One that takes longer than longLaunch does not count
// any more: its disk does not answer, and that of others may.
const (
	maxLaunching = 32
	longLaunch   = 2 * time.Second
)

// Manager keeps programs running. Its operations say what is wanted from now
// on, return at once, and are never refused because of one that is under way:
// the last one wins. What happens is told as Events.
//
// A method that is given a name or a pid returns ErrNotFound for one that there is not.
// Operations return ErrClosed once Shutdown has begun; what was can be read after it too.
//
// A Manager is safe for concurrent use. It has no goroutine until there is a
// template, but for the one that writes the State, and none after Shutdown.
type Manager struct {
	options   Options // set by New, never changed, like the fields up to the blank line
	memory    *streams.Memory
	launching chan struct{}      // holds a token for each launch under way
	closing   context.Context    // ends when Shutdown begins
	begin     context.CancelFunc // of closing
	stopped   chan struct{}      // closed when Shutdown has finished its work
	hurry     context.Context    // ends when Shutdown may not take its time any more
	hurryUp   context.CancelFunc // of hurry
	work      sync.WaitGroup     // supervisors and loads
	sequence  *streams.Sequence  // numbers what is read from all instances
	earlier   earlierLives
	saver     *saver // nil without a state directory
	markers   string // what the markers of instances begin with; "" if no later program has to recognise them

	essential   chan EssentialEnd // has room for one, the first
	lastID      atomic.Int64      // of supervisors
	vaultBroken atomic.Bool       // it was told that nothing is recorded
	events      Events
	audits      Events
	pids        register
	outputs     outputs

	appsMu sync.Mutex // guards apps, also while one starts or stops; no other is taken before it
	apps   []App

	mu      sync.RWMutex // guards everything below; taken before any supervisor's
	order   []*supervisor
	byName  map[string]*supervisor
	leaving map[string][]*supervisor // deleted ones that are still there, by name, the last one last
	closed  bool
}

// earlierLives are where earlier lives of the daemon ended: what is of this one has
// larger numbers and pids.
type earlierLives struct {
	number uint64
	pid    int
}

// New is a Manager without templates. Shutdown must be called in the end.
func New(o Options) *Manager {
	if o.MaxNumProcesses <= 0 {
		o.MaxNumProcesses = DefaultMaxNumProcesses
	}
	if o.MaxProcesses <= 0 {
		o.MaxProcesses = DefaultMaxProcesses
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.RunHistory <= 0 {
		o.RunHistory = time.Hour
	}
	if o.OutputMemory <= 0 {
		o.OutputMemory = DefaultOutputMemory
	}
	m := &Manager{
		sequence:  new(streams.Sequence),
		options:   o,
		memory:    streams.NewMemory(o.OutputMemory),
		launching: make(chan struct{}, maxLaunching),
		stopped:   make(chan struct{}),
		essential: make(chan EssentialEnd, 1),
		byName:    make(map[string]*supervisor),
		leaving:   make(map[string][]*supervisor),
	}
	m.closing, m.begin = context.WithCancel(context.Background())
	m.hurry, m.hurryUp = context.WithCancel(context.Background())
	m.outputs.bell = new(streams.Bell)
	if o.State != nil {
		m.sequence, m.outputs.bell = &o.State.sequence, &o.State.bell
		m.pids.last = max(o.State.exits.LastPID, o.State.logs.LastPID())
	}
	if o.State != nil || o.Vault != nil {
		m.markers = process.NewMarkerPrefix()
	}
	// Numbers go on where the clock is, not behind the last that was kept: one
	// that a reader has seen before a crash never comes again.
	m.sequence.Skip(uint64(time.Now().UnixNano()))
	m.earlier = earlierLives{m.sequence.Last(), m.pids.last}
	if o.Vault != nil {
		m.goOnFrom(o.Vault)
	}
	if o.State != nil {
		m.saver = newSaver(m)
	}
	return m
}

// Events are what has happened and will.
func (m *Manager) Events() *Events { return &m.events }

// Create adds a template and starts it if its Start says so. It returns
// ErrInvalid or ErrBadValue for a description with mistakes, and ErrExists.
//
// A name is free as soon as its template is deleted; the new one starts when
// the last instance of the old one is gone.
func (m *Manager) Create(t Template) (*Operation, error) {
	if err := m.check(&t); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.admit(t.Name); err != nil {
		return nil, err
	}
	s := m.add(t, fromAPI)
	o := newOperation(1)
	if !t.Start {
		m.saver.changed()
		o.finish(nil)
		return o, nil
	}
	return o, s.command(o, (*supervisor).start)
}

// Delete stops a template and forgets it, with its exits. The operation is
// over when its instances are gone.
func (m *Manager) Delete(name string) (*Operation, error) {
	o := newOperation(1)
	if err := m.delete(name, o); err != nil {
		return nil, err
	}
	return o, nil
}

func (m *Manager) delete(name string, o *Operation) error {
	orders, err := m.unlink(name, o)
	giveOut(orders)
	return err
}

// unlink makes the name free and tells the template, in one step, so that the
// events of the next of that name come after this one's last.
func (m *Manager) unlink(name string, o *Operation) ([]stopOrder, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	s, ok := m.byName[name]
	if !ok {
		return nil, notFound(name)
	}
	return m.remove(s, o)
}

// remove is unlink for one that is there. m.mu must be held.
func (m *Manager) remove(s *supervisor, o *Operation) ([]stopOrder, error) {
	delete(m.byName, s.name)
	m.order = slices.DeleteFunc(m.order, func(other *supervisor) bool { return other == s })
	m.leaving[s.name] = append(m.leaving[s.name], s)
	return s.apply(o, (*supervisor).delete)
}

// add adds a template that is checked and whose name is free, and publishes
// that. m.mu must be held.
func (m *Manager) add(t Template, from source) *supervisor {
	s := newSupervisor(m, t.clone())
	s.source = from
	if from == fromFile {
		s.filed = t.clone()
		s.journal.note(filedKey, encode(s.filed.description()))
		s.active, s.held = t.Start, t.Start // until its batch begins: see release
	}
	m.adopt(s)
	m.byName[t.Name] = s
	m.order = append(m.order, s)
	s.publish(EventCreate, nil)
	m.live(s)
	return s
}

// live lets a template do what it is told. The goroutine started here ends when the
// template is deleted, or the Manager shut down, and its instances are gone.
func (m *Manager) live(s *supervisor) {
	m.work.Go(func() {
		s.run()
		m.forget(s)
	})
}

// forget lets go of a template whose instances are gone.
func (m *Manager) forget(s *supervisor) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byName[s.name] != s { // else it was shut down, and what it wrote stays readable
		m.outputs.part(s.app)
		s.erase()
		if s.source == fromRun && m.byName[s.name] == nil {
			s.forgetOutput()
		}
	}
	leaving := slices.DeleteFunc(m.leaving[s.name], func(other *supervisor) bool { return other == s })
	if len(leaving) == 0 {
		delete(m.leaving, s.name)
	} else {
		m.leaving[s.name] = leaving
	}
}

// check returns what is wrong with a description, numbers beyond the limit included.
func (m *Manager) check(t *Template) error {
	if err := t.Validate(); err != nil {
		return err
	}
	return m.checkNumber(t.NumProcesses)
}

func (m *Manager) checkNumber(n int) error {
	if n < 0 || n > m.options.MaxNumProcesses {
		return &rangeError{"numprocesses", fmt.Sprintf("got %d, want 0 to %d", n, m.options.MaxNumProcesses)}
	}
	return nil
}

// free returns why no template of that name may be added. m.mu must be held.
func (m *Manager) free(name string) error {
	if m.closed {
		return ErrClosed
	}
	if _, taken := m.byName[name]; taken {
		return fmt.Errorf("process %q %w", name, ErrExists)
	}
	return nil
}

// admit is free for one more template than there are. m.mu must be held.
func (m *Manager) admit(name string) error {
	if err := m.free(name); err != nil {
		return err
	}
	if len(m.order) >= m.options.MaxProcesses {
		return fmt.Errorf("%w: there are %d processes; delete some, or raise max_processes", ErrTooMany, len(m.order))
	}
	return nil
}

func notFound(name string) error { return fmt.Errorf("process %q %w", name, ErrNotFound) }

// find is the template of that name, also after Shutdown.
func (m *Manager) find(name string) (*supervisor, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if s, ok := m.byName[name]; ok {
		return s, nil
	}
	return nil, notFound(name)
}

// open is find for operations.
func (m *Manager) open(name string) (*supervisor, error) {
	if m.closing.Err() != nil {
		return nil, ErrClosed
	}
	return m.find(name)
}

// all are the templates in creation order.
func (m *Manager) all() []*supervisor {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.order)
}
