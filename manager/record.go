package manager

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/gafferd/gaffer/internal/plainjson"
)

// A Manager's records in its vault, by key. They are what Resume makes the
// Manager of, so none of their fields may change its meaning.
//
//	before            beforeRecord
//	run               what markers begin with
//	loaded            there once Restore has ended
//	closing           there once Shutdown has begun
//	pid               the last one, once nothing else tells
//	e<number>         Event
//	a<number>         Event, of the audits
//	s<id>             supervisorRecord, of the supervisor with that number
//	s<id>.filed       the description that the file had when it was last read
//	s<id>.state       wantedRecord
//	s<id>.pid         the last one of it, when nothing else of it tells
//	s<id>.<index>     slotRecord
//	s<id>.x<pid>      exitRecord
//	s<id>.i<pid>      the description that an instance was made from

type beforeRecord struct {
	Number uint64 `json:"number"`
	PID    int    `json:"pid"`
}

// supervisorRecord changes with the description alone.
type supervisorRecord struct {
	Source      source          `json:"source"`
	Description json.RawMessage `json:"description"`
}

// wantedRecord is what is wanted of a template, and what has become of it.
type wantedRecord struct {
	wantedState
	Flaps []time.Time `json:"flaps,omitempty"`
}

// wantedState is what of a wantedRecord can be compared.
type wantedState struct {
	Generation int       `json:"generation"`
	Active     bool      `json:"active,omitempty"`
	Held       bool      `json:"held,omitempty"`
	Suspended  bool      `json:"suspended,omitempty"`
	Forgotten  bool      `json:"forgotten,omitempty"`
	Cause      string    `json:"cause,omitempty"`
	FlapTries  int       `json:"flap_tries,omitempty"`
	RetryAt    time.Time `json:"retry_at,omitzero"`
	GaveUp     bool      `json:"gave_up,omitempty"`
	Trouble    string    `json:"trouble,omitempty"`
	Over       time.Time `json:"over,omitzero"`
}

type slotRecord struct {
	State    state     `json:"state"`
	PID      int       `json:"pid"`
	Restarts int       `json:"restarts,omitempty"`
	Failed   bool      `json:"failed,omitempty"`
	Refused  bool      `json:"refused,omitempty"`
	RetryAt  time.Time `json:"retry_at,omitzero"`

	// Of an instance.
	Generation int       `json:"generation,omitempty"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	Stop       string    `json:"stop,omitempty"` // why it is being stopped
	KillAt     time.Time `json:"kill_at,omitzero"`
}

type exitRecord struct {
	savedExit
	NextRetryAt time.Time `json:"next_retry_at,omitzero"`
}

// The keys of a supervisor's records, as journal.note takes them.
const (
	describedKey = ""
	filedKey     = ".filed"
	wantedKey    = ".state"
	pidKey       = ".pid"
)

func slotKey(index int) string { return "." + strconv.Itoa(index) }
func exitKey(pid int) string   { return ".x" + strconv.Itoa(pid) }
func madeKey(pid int) string   { return ".i" + strconv.Itoa(pid) }

// The records of what happens most often are written by hand, to be read by
// encoding/json.

// newObject has room for all of a record or an event, most often.
func newObject() plainjson.Object { return make(plainjson.Object, 0, 256) }

// clip is an object as it is kept: without the rest of its room.
func clip(o plainjson.Object) []byte { return bytes.Clone(o.End()) }

func (r *slotRecord) encode() []byte {
	return clip(newObject().
		Int("state", int(r.State)).Int("pid", r.PID).OptInt("restarts", r.Restarts).
		OptBool("failed", r.Failed).OptBool("refused", r.Refused).OptTime("retry_at", r.RetryAt).
		OptInt("generation", r.Generation).OptTime("started_at", r.StartedAt).
		OptString("stop", r.Stop).OptTime("kill_at", r.KillAt))
}

func (r *exitRecord) encode() []byte {
	o := newObject().
		Int("pid", r.PID).Int("index", r.Index).Int("os_pid", r.OSPid).
		Time("started_at", r.StartedAt).Time("ended_at", r.EndedAt).
		Int("exit_status", r.ExitStatus).Int("term_signal", r.TermSignal).String("reason", r.Reason)
	if len(r.Stderr) > 0 {
		o = o.Raw("stderr", encode(r.Stderr))
	}
	return clip(o.OptTime("next_retry_at", r.NextRetryAt))
}

// encode is the event as a Vault has it.
func (ev *Event) encode() []byte {
	o := newObject().
		OptUint("Seq", ev.Seq).OptTime("Time", ev.Time).OptString("Event", ev.Event).OptString("Type", ev.Type).
		OptString("Name", ev.Name).OptInt("PID", ev.PID).OptInt("OSPid", ev.OSPid).OptInt("Index", ev.Index).
		OptInt("ExitStatus", ev.ExitStatus).OptInt("TermSignal", ev.TermSignal).OptString("Reason", ev.Reason).
		OptBool("Detached", ev.Detached).OptUint("Missed", ev.Missed)
	if ev.Audit != nil {
		o = o.Raw("Audit", encode(ev.Audit))
	}
	return clip(o)
}

// encode is JSON on one line.
func encode(v any) []byte {
	text, err := plainjson.Marshal(v)
	if err != nil {
		panic(err) // of strings, numbers and times
	}
	return text
}
