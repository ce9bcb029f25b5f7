package streams

// Splice appends what a pipe holds, as far as it lies together, to a Log with a
// Backing. It returns what read(2) would, but io.EOF at the end, and ErrClosed
// once the Log is closed; more says that it has taken as much as it had room for.
// The bytes get one time stamp and one number. Like Fill, Splice does not wait
// for readers.
func (l *Log) Splice(pipe int) (n int, more bool, err error) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return 0, false, ErrClosed
	}
	b, err := l.room(pipe)
	if err != nil {
		l.store.full = 0
		l.mu.Unlock()
		return 0, false, err
	}
	free := b.data[len(b.data):cap(b.data)]
	l.writing = true
	l.mu.Unlock()

	n, err = l.backing.splice(pipe, len(free))
	if n > 0 && !b.place.mapped {
		_, err = l.backing.file.ReadAt(free[:n], b.place.at+int64(cap(b.data)-len(free)))
	}
	n, err = l.append(free[:n], true, err)
	return n, n == len(free), err
}

// room is the block that the next bytes of a pipe go to. A quiet stream's is
// made to measure, so that what was written at once stays together. l.mu must be
// held.
func (l *Log) room(pipe int) (*block, error) {
	s := &l.store
	b := s.last()
	size := 0 // of a new block
	switch {
	case s.full > 0:
		size = s.grows()
	case b == nil || b.free() < minDirect:
		n, err := waiting(pipe)
		if err != nil {
			return nil, err
		}
		if b == nil || b.free() < n && len(b.data) > 0 {
			size = s.follows(min(n, floodBlock)) // Pace has made room for no more
		}
	}
	if err := l.backing.reserve(); err != nil {
		return nil, err
	}
	if size > 0 {
		b = l.next(size)
	}
	return b, nil
}

// next makes a block the last one: the oldest, if its place is needed anyway.
func (l *Log) next(size int) *block {
	b := l.spare(size)
	if b == nil {
		return l.store.push(l.backing.block(l.store.end, size))
	}
	l.store.reuse(b)
	l.backing.begin(b)
	return b
}
