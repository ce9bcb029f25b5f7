package manager

import (
	"bytes"

	"github.com/gafferd/gaffer/internal/plainjson"
)

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
