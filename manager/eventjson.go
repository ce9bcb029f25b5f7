package manager

// Gap stands for events that somebody missed, the last of them numbered seq.
func Gap(seq, missed uint64) Event { return Event{Seq: seq, Event: "gap", Missed: missed} }

// JSON is the event as subscribers of the API and of webhooks get it, with its keys in
// the order in which they are read best. One about a template has no pid, and one about
// the daemon has no name either.
func (ev Event) JSON() []byte {
	o := newObject().String("event", ev.Event)
	if ev.Missed > 0 {
		return o.Uint("missed", ev.Missed).Uint("seq", ev.Seq).End()
	}
	o = o.OptString("name", ev.Name).OptInt("pid", ev.PID)
	if ev.PID > 0 || ev.Type == EventWorker {
		o = o.Int("os_pid", ev.OSPid)
	}
	switch ev.Type {
	case EventExit:
		o = o.Int("exit_status", ev.ExitStatus).Int("term_signal", ev.TermSignal)
	case EventSpawn:
		o = o.Bool("detached", ev.Detached)
	}
	o = o.OptString("reason", ev.Reason)
	if a := ev.Audit; a != nil {
		o = o.String("who", a.Who).String("from", a.From).String("request", a.Request).String("result", a.Result)
	}
	return o.Uint("seq", ev.Seq).Time("time", ev.Time.UTC()).End()
}
