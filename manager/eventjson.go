package manager

import (
	"encoding/json"
	"time"
)

// Gap stands for events that somebody missed, the last of them numbered seq.
func Gap(seq, missed uint64) Event { return Event{Seq: seq, Event: "gap", Missed: missed} }

// The objects that events are to subscribers, with their keys in the order in
// which they are read best. What is a pointer is in some of them only.
type (
	jsonGap struct {
		Event  string `json:"event"`
		Missed uint64 `json:"missed"`
		Seq    uint64 `json:"seq"`
	}
	jsonEvent struct {
		Event      string `json:"event"`
		Name       string `json:"name,omitempty"`
		PID        int    `json:"pid,omitempty"`
		OSPid      *int   `json:"os_pid,omitempty"`
		ExitStatus *int   `json:"exit_status,omitempty"`
		TermSignal *int   `json:"term_signal,omitempty"`
		Detached   *bool  `json:"detached,omitempty"`
		Reason     string `json:"reason,omitempty"`
		*Audit
		Seq  uint64    `json:"seq"`
		Time time.Time `json:"time"`
	}
)

// JSON is the event as subscribers of the API and of webhooks get it. One about
// a template has no pid, and one about the daemon has no name either.
func (ev Event) JSON() []byte {
	if ev.Missed > 0 {
		return marshalEvent(jsonGap{ev.Event, ev.Missed, ev.Seq})
	}
	o := jsonEvent{Event: ev.Event, Name: ev.Name, PID: ev.PID, Reason: ev.Reason, Seq: ev.Seq, Time: ev.Time.UTC(), Audit: ev.Audit}
	if ev.PID > 0 || ev.Type == "worker" {
		o.OSPid = &ev.OSPid
	}
	switch ev.Type {
	case "exit":
		o.ExitStatus, o.TermSignal = &ev.ExitStatus, &ev.TermSignal
	case "spawn":
		o.Detached = &ev.Detached
	}
	return marshalEvent(o)
}

func marshalEvent(o any) []byte {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings, numbers and times always marshal
	}
	return text
}
