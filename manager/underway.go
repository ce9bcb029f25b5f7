package manager

import "slices"

// underway is the operation that a template has under way, and those in whose place it
// has come. Whoever waits for one of these waits for it, because what they began, such as
// a stop, is not over before. The supervisor's mutex guards it.
type underway struct {
	operation *Operation  // nil if there is none
	overtaken []overtaken // the oldest first
	behind    int         // how many slots it waits for
	refusal   error       // why something could not be started for it, the first time; else nil
}

// overtaken is an operation in whose place another one has come.
type overtaken struct {
	*Operation
	unmet bool // instances were yet to come of it
}

// maxOvertaken is how many overtaken operations are kept, which is more than anybody
// waits for: the oldest are over before.
const maxOvertaken = 1000

// begin makes o the operation under way. unmet says whether instances are yet to come of
// the one before.
func (u *underway) begin(o *Operation, unmet bool) {
	if u.operation != nil {
		u.overtaken = append(u.overtaken, overtaken{u.operation, unmet})
	}
	if len(u.overtaken) > maxOvertaken {
		u.overtaken[0].finish(nil)
		u.overtaken = slices.Delete(u.overtaken, 0, 1)
	}
	u.operation, u.refusal = o, nil
}

// waitFor has the operation wait for a slot.
func (u *underway) waitFor(sl *slot) {
	if !sl.behind {
		sl.behind = true
		u.behind++
	}
}

// caughtUp notes that the operation need not wait for a slot any more.
func (u *underway) caughtUp(sl *slot) {
	if sl.behind {
		sl.behind = false
		u.behind--
	}
}

// refused notes why something could not be started that the operation has asked for.
func (u *underway) refused(err error) {
	if u.refusal == nil {
		u.refusal = err
	}
}

// end ends the operation, which there must be, and those before it. If it was Shutdown that
// came last, it has prevented those before it, back to the last one of which nothing was to
// come any more, such as a stop: that has happened.
func (u *underway) end(shutdown bool) {
	u.operation.finish(u.refusal)
	prevented := shutdown
	for _, o := range slices.Backward(u.overtaken) {
		if prevented = prevented && o.unmet; prevented {
			o.finish(ErrClosed)
		} else {
			o.finish(u.refusal)
		}
	}
	u.operation, u.overtaken = nil, nil
}
