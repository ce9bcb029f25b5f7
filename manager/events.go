package manager

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gafferd/gaffer/manager/vault"
)

// The types of events, and when each is published. All events of a template
// come in the order in which things happened to it.
//
// So to start is create, start, spawn …; to scale down is update, reap, exit;
// a roll (restart, or an update of more than the number) is stop_pid, exit,
// spawn for one instance after the other.
const (
	EventCreate = "create" // a template exists
	EventStart  = "start"  // it was told to run: created with start, or started

	// It was told to stop, running or not: stopped, deleted, or the manager is
	// shutting down.
	EventStop = "stop"

	EventRestart = "restart" // it was told to replace its instances, or to run
	EventUpdate  = "update"  // its description, or the number of its instances, was changed

	// It is forgotten and its name is free. It comes after stop, and before the exit
	// of the instances that are still being stopped.
	EventDelete = "delete"

	EventSpawn = "spawn" // an instance runs
	EventReap  = "reap"  // an instance was told to stop because there are too many

	// An instance has ended, and its streams too; or it could not be started: then
	// there was no spawn, os_pid is 0, the reason says why, and exit_status is 127 if
	// there is no such program, else 126.
	EventExit = "exit"

	EventStopPID = "stop_pid" // an instance was told to stop for any other reason than reap's

	// A template is stopped because its instances end too often. It comes after the
	// exit that was one too many.
	EventFlap = "flap"

	// The output of instances cannot be written to disk, with the reason, or can
	// again. They are of no template, and so under one name only.
	EventLogFailed  = "log_failed"
	EventLogResumed = "log_resumed"

	// The output of an instance, from the beginning, does not outlive this program if
	// it crashes or is replaced. The reason says which and why.
	EventKeepFailed = "keep_failed"

	// There is no memory for what an instance has written, which waits in its pipe; or
	// that is lost, since it has ended. The reason says what and why.
	EventReadFailed = "read_failed"

	// The daemon goes on in a new process, os_pid, and everything runs on. The reason
	// says how the one before ended. It is of no template, too.
	EventWorker = "worker"

	EventAudit = "audit" // somebody asked for something: see Audit
)

var eventTypes = []string{
	EventCreate, EventStart, EventStop, EventRestart, EventUpdate, EventDelete,
	EventSpawn, EventReap, EventExit, EventStopPID, EventFlap,
	EventLogFailed, EventLogResumed, EventKeepFailed, EventReadFailed, EventWorker, EventAudit,
}

// Event is one happening under one of its two names.
type Event struct {
	// The tags are about records in a vault. What subscribers get is made by JSON.
	Seq        uint64    `json:",omitzero"`
	Time       time.Time `json:",omitzero"`
	Event      string    `json:",omitzero"` // the name under which it is delivered: "exit" or "proc.web.exit"
	Type       string    `json:",omitzero"` // EventExit …
	Name       string    `json:",omitzero"` // process name
	PID, OSPid int       `json:",omitzero"` // 0 when it is about the template
	Index      int       `json:",omitzero"` // of the instance among its template's, from 1
	ExitStatus int       `json:",omitzero"`
	TermSignal int       `json:",omitzero"`
	Reason     string    `json:",omitzero"`
	Detached   bool      `json:",omitzero"`
	Missed     uint64    `json:",omitzero"` // of a gap: how many events
	Audit      *Audit    `json:",omitzero"` // of an audit; else nil
}

// happenings is how many are kept. Each is two events.
const happenings = 5_000

// Events are what happened, in order, the last 10,000 of them. Each happening
// is two events with consecutive numbers: "exit" and then "proc.web.exit".
//
// Nothing is pushed: a subscriber is an EventCursor, which costs nothing while
// nobody reads from it. Events is safe for concurrent use and starts no
// goroutines.
type Events struct {
	mu      sync.Mutex // guards everything below
	ring    []Event    // happening i, counted from 0, is at i % happenings; Seq and Event unset
	count   uint64     // happenings so far
	closed  bool
	keep    func(...vault.Change) // records events with changes; nil: they are not recorded
	prefix  string                // of the keys under which they are recorded
	changed chan struct{}         // closed and dropped by wake; nil while nobody waits
}

// publish adds a happening and tells those who wait. It sets the time.
// The changes are recorded with it, before anyone sees it.
func (e *Events) publish(ev Event, changes ...vault.Change) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ev.Time = time.Now()
	e.keepEvent(ev, changes)
	if len(e.ring) < happenings {
		e.ring = append(e.ring, ev)
	} else {
		e.ring[e.count%happenings] = ev
	}
	e.count++
	e.wake()
}

// restore puts back the events that were recorded.
func (e *Events) restore(events map[uint64]Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	numbers := slices.Sorted(maps.Keys(events))
	if len(numbers) == 0 {
		return
	}
	e.count = numbers[len(numbers)-1] + 1
	kept := min(e.count, happenings)
	e.ring = make([]Event, kept)
	for n := e.count - kept; n < e.count; n++ {
		e.ring[n%happenings] = events[n]
	}
}

// keepEvent records an event that is about to be published. e.mu must be held.
func (e *Events) keepEvent(ev Event, changes []vault.Change) {
	if e.keep == nil {
		return
	}
	changes = append(changes, vault.Change{Key: e.key(e.count), Value: ev.encode()})
	if e.count >= happenings {
		changes = append(changes, vault.Change{Key: e.key(e.count - happenings)})
	}
	e.keep(changes...)
}

// The prefixes of the keys of events and of audits.
const (
	eventPrefix = "e"
	auditPrefix = "a"
)

func (e *Events) key(happening uint64) string { return e.prefix + strconv.FormatUint(happening, 10) }

// close lets cursors end once they have read what there is.
func (e *Events) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.wake()
}

// wake releases every waiting cursor. e.mu must be held.
func (e *Events) wake() {
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}

// Last is the number of the newest event, 0 before the first. Subscribing from
// there on gets only what is new.
func (e *Events) Last() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last()
}

// last is Last. e.mu must be held.
func (e *Events) last() uint64 { return 2 * e.count }

// Subscribe is a cursor at the first event after the one numbered since. A
// since that is yet to come is from another life of the daemon, to whose
// subscriber all that is kept is new.
func (e *Events) Subscribe(p Pattern, since uint64) *EventCursor {
	if since > e.Last() {
		since = 0
	}
	return &EventCursor{events: e, pattern: p, after: since}
}

// next is the first event after the one numbered so that the pattern wants, of the
// processes that only is true of, unless that is nil. last is the number of it, or of
// the newest event, and missed counts those between that are no longer kept. e.mu must
// be held.
func (e *Events) next(p Pattern, only func(name string) bool, after uint64) (ev Event, found bool, last, missed uint64) {
	after, missed = e.kept(after)
	for ; after < e.last(); after++ {
		ev := &e.ring[after/2%happenings]
		if named := after%2 == 1; p.matches(ev, named) && (only == nil || ev.Name != "" && only(ev.Name)) {
			return ev.delivered(after+1, named), true, after + 1, missed
		}
	}
	return Event{}, false, after, missed
}

// kept is the number after which all is kept, from the one given on, and how many events
// there were between them. e.mu must be held.
func (e *Events) kept(after uint64) (from, missed uint64) {
	from = max(after, e.last()-2*uint64(len(e.ring)))
	return from, from - after
}

// delivered is the event under one of its names.
func (ev Event) delivered(seq uint64, named bool) Event {
	ev.Seq, ev.Event = seq, ev.Type
	if named {
		ev.Event = "proc." + ev.Name + "." + ev.Type
	}
	return ev
}
