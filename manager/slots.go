package manager

import "slices"

// slots are all places for instances of one template, with how many of them are in
// each state, and those whose turn it is next. The supervisor's mutex guards them.
type slots struct {
	all     []*slot // slot i has the index i+1
	counts  [numStates]int
	due     []*slot // to be launched, in that order; some of them are not due any more
	retries retries // those that wait
}

// put is the only assignment to a slot's state, and keeps counts and queues with it.
// It asks for no move: a slot that is resumed is put where it was. When it is put in
// waiting, its retryAt must be set.
func (ss *slots) put(sl *slot, to state) {
	if sl.state == waiting {
		ss.retries.drop(sl)
	}
	ss.counts[sl.state]--
	ss.counts[to]++
	sl.state = to
	switch {
	case to == due && !sl.queued:
		sl.queued = true
		ss.due = append(ss.due, sl)
	case to == waiting:
		ss.retries.add(sl)
	}
}

// nextDue takes the first slot that is due from the queue, and returns nil if none is.
func (ss *slots) nextDue() *slot {
	for len(ss.due) > 0 {
		sl := ss.due[0]
		ss.due[0] = nil
		ss.due = ss.due[1:]
		sl.queued = false
		if sl.state == due {
			return sl
		}
	}
	ss.due = nil // and its array, which has been as long as there were slots
	return nil
}

// grow makes slots, up to n of them.
func (ss *slots) grow(n int) {
	for len(ss.all) < n {
		ss.all = append(ss.all, &slot{index: len(ss.all) + 1})
		ss.counts[off]++
	}
}

// trim drops slots that are off from the end, down to n of them, and returns those.
func (ss *slots) trim(n int) (dropped []*slot) {
	keep := len(ss.all)
	for keep > n && ss.all[keep-1].state == off {
		keep--
	}
	if keep == len(ss.all) {
		return nil
	}
	dropped = slices.Clone(ss.all[keep:])
	clear(ss.all[keep:])
	ss.all = ss.all[:keep]
	ss.counts[off] -= len(dropped)
	return dropped
}

// alive is how many instances there are or may be in a moment.
func (ss *slots) alive() int {
	return ss.counts[starting] + ss.counts[running] + ss.counts[stopping]
}

// done reports whether every instance has ended for good.
func (ss *slots) done() bool {
	return len(ss.all) > 0 && ss.counts[finished] == len(ss.all)
}
