package streams

import "slices"

// spare forgets the block whose place one of that size will take, and returns it: if
// the window is full and cannot grow for who is behind, if the block is no smaller than
// size or floodBlock, and if nobody reads it or has yet to. l.mu must be held.
func (l *Log) spare(size int) *block {
	if len(l.store.blocks) < 2 || l.store.size+int64(size) <= l.flow.limit {
		return nil
	}
	if b := l.store.blocks[0]; b.inHand > 0 || cap(b.data) < min(size, floodBlock) || l.unread(b) || l.widenFor(b) {
		return nil
	}
	return l.store.drop()
}

// trim forgets whole blocks until what is kept fits the window, but none that is
// unread: the writer may not have waited, as at the end of a stream, and what has come
// may have taken more than Pace has made room for. Nor does it forget any of the last
// write, which nobody can have seen. l.mu must be held.
func (l *Log) trim() {
	for l.store.size > l.flow.limit && len(l.store.blocks) > 1 {
		b := l.store.blocks[0]
		if l.unread(b) || b.end() > l.store.newest() {
			break
		}
		if !l.widenFor(b) {
			l.drop()
		}
	}
	if l.backing != nil && len(l.store.blocks) > 0 {
		l.backing.trim(l.store.blocks[0])
	}
}

// unread reports whether a reader for whom the writer waits is not done with b. l.mu
// must be held.
func (l *Log) unread(b *block) bool {
	for c := range l.cursors {
		if c != l.tap && c.pos < b.end() && l.waitsFor(c) {
			return true
		}
	}
	return false
}

// widenFor lets the window grow, if it may, for the tap if that is not done with b. l.mu
// must be held.
func (l *Log) widenFor(b *block) bool { return l.tapped() < b.end() && l.widen() }

// tapped is up to where the tap is done. What it has taken and is not in the archive yet
// would be missing for readers if it was forgotten. l.mu must be held.
func (l *Log) tapped() int64 {
	switch {
	case l.tap == nil:
		return l.store.end
	case l.archive == nil:
		return l.tap.pos
	}
	return min(l.tap.pos, l.archive.End())
}

// drop forgets the oldest block and returns how large it was. Its memory is
// given back when nobody has a part of it in hand. l.mu must be held.
func (l *Log) drop() (size int64) {
	b := l.store.drop()
	size = b.size()
	b.dropped = true
	l.free(b)
	return size
}

// dropAll forgets all there is, for good. l.mu must be held.
func (l *Log) dropAll() {
	if l.backing != nil {
		l.backing.file.Close() // first: what is in it need not be punched out then
	}
	for len(l.store.blocks) > 0 {
		l.drop()
	}
}

// free gives back the memory of a block that was dropped, unless somebody has a
// part of it in hand. l.mu must be held.
func (l *Log) free(b *block) {
	if b.dropped && b.inHand == 0 && l.backing != nil {
		l.backing.free(b)
	}
}

// letGo says that one reader less has a part of b in hand. l.mu must be held.
func (l *Log) letGo(b *block) {
	b.inHand--
	l.free(b)
}

// settle brings what Memory is to know up to date and returns how much less it
// is. l.mu must be held.
func (l *Log) settle() (freed int64) {
	freed = l.accounted - l.store.size
	l.accounted = l.store.size
	if l.closed {
		l.memory.ended(-freed)
	}
	return freed
}

// held is how many bytes of memory the Log holds.
func (l *Log) held() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.store.size
}

// release forgets the oldest blocks, as far as Memory may have them, until at least n
// bytes of memory are free again. It returns how many that were.
func (l *Log) release(n int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := l.unclaimed(); n > 0 && k > 0; k-- {
		n -= l.drop()
	}
	return l.settle()
}

// forgettable is how many bytes of memory Memory may have back.
func (l *Log) forgettable() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.store.size
	for _, b := range l.store.blocks[l.unclaimed():] { // few, most often
		n -= b.size()
	}
	return n
}

// unclaimed is how many of the oldest blocks are not being written to and, with
// Backpressure, were read by all who are there. l.mu must be held.
func (l *Log) unclaimed() int {
	n := len(l.store.blocks)
	if l.writing && n > 0 {
		n--
	}
	if l.backpressure {
		if i := slices.IndexFunc(l.store.blocks[:n], l.unread); i >= 0 {
			n = i
		}
	}
	return n
}
