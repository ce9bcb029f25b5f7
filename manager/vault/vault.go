// Package vault keeps what a program knows where the next one finds it when the
// program dies: as records in a file in memory, which somebody else holds open
// too.
//
// A record is a key and a value. Changes are written in batches, and each batch
// counts as a whole or not at all, at whatever moment the program is killed. The
// package does not know what the records mean.
package vault

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"sync"
	"time"
)

// Vault is a set of records, in memory and in a file.
//
// The file grows with each batch. When most of what it says is out of date, the
// records go to a new one.
//
// A Vault is safe for concurrent use.
type Vault struct {
	replace func(*os.File) error // set by Open, never changed

	mu      sync.Mutex // guards everything below; no other is taken under it
	records map[string][]byte
	size    int64 // that records take in a file
	file    *file
	end     int64     // of the last batch in it that counts
	room    batch     // of the last batch, used again for the next
	broken  error     // why not all records are in the file; nil: all are
	tried   time.Time // when that was to be put right last
}

const (
	minRewrite = 1 << 20 // a smaller file is not worth writing anew
	maxRoom    = 64 << 10

	// retryAfter is how long a file that could not be written to is left alone.
	retryAfter = time.Second
)

// Open reads the records in f, and writes to it from then on. If f is nil it
// begins with none, in a new file.
//
// replace is called with each new file, for whoever has to hold it: from then on
// the one before is of no use. On an error of replace the old one stays in use.
// Who only reads may pass nil for it.
func Open(f *os.File, replace func(*os.File) error) (*Vault, error) {
	v := &Vault{replace: replace, records: make(map[string][]byte)}
	if f == nil {
		return v, v.rewrite()
	}
	v.file = &file{File: f}
	data, err := io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
	if err == nil {
		err = v.load(data)
	}
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	return v, nil
}

// load takes over what is in the file. What was being written when its program
// died does not count, and is written over.
func (v *Vault) load(data []byte) error {
	for {
		records, n := firstBatch(data)
		if n == 0 {
			return nil
		}
		for len(records) > 0 {
			c, rest, ok := firstRecord(records)
			if !ok {
				return errors.New("a batch does not add up")
			}
			v.set(c)
			records = rest
		}
		v.end += int64(n)
		data = data[n:]
	}
}

// Records are all that count. The map is the caller's own; the values are not, and
// may not be changed.
func (v *Vault) Records() map[string][]byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.records)
}

// Write makes the changes, all in one batch. The values may not be changed
// afterwards.
//
// After an error the changes are made here but not in the file, for want of
// memory as a rule. Then nothing more is added to that file. A second later at
// the earliest, the next Write puts all records into a new one, and if it can,
// returns nil.
func (v *Vault) Write(changes ...Change) error {
	if len(changes) == 0 {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range changes {
		v.set(c)
	}
	if v.broken != nil {
		if time.Since(v.tried) < retryAfter {
			return v.broken
		}
		return v.mend()
	}
	if v.end > minRewrite && v.end > 4*v.size && v.rewrite() == nil { // else the file goes on growing, and it is tried again
		return nil
	}
	b := newBatch(v.room)
	for _, c := range changes {
		b = b.add(c)
	}
	if err := v.append(b); err != nil {
		v.broken, v.tried = fmt.Errorf("write the state: %w", err), time.Now()
	}
	return v.broken
}

// Complete returns nil if all that was written is in the file. If it is not,
// that is tried again first, at once.
func (v *Vault) Complete() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mend()
}

// mend writes all records anew if some are not in the file. v.mu must be held.
func (v *Vault) mend() error {
	if v.broken == nil {
		return nil
	}
	v.tried = time.Now()
	if err := v.rewrite(); err != nil {
		return v.broken
	}
	v.broken = nil
	return nil
}

// set makes a change in memory. v.mu must be held, except while opening.
func (v *Vault) set(c Change) {
	if old, ok := v.records[c.Key]; ok {
		v.size -= Change{c.Key, old}.size()
	}
	if len(c.Value) == 0 {
		delete(v.records, c.Key)
		return
	}
	v.records[c.Key] = c.Value
	v.size += c.size()
}

// append writes a batch behind the last one. v.mu must be held, except while
// opening.
func (v *Vault) append(b batch) error {
	b.seal()
	if err := v.file.put(b, v.end); err != nil {
		return err
	}
	v.end += int64(len(b))
	if v.room = b; cap(b) > maxRoom {
		v.room = nil
	}
	return nil
}

// rewrite writes all records to a new file. v.mu must be held, except while
// opening.
func (v *Vault) rewrite() error {
	old, end := v.file, v.end
	f, err := newFile()
	if err != nil {
		return err
	}
	v.file, v.end = f, 0
	if len(v.records) > 0 {
		b := newBatch(v.room)
		for key, value := range v.records {
			b = b.add(Change{key, value})
		}
		err = v.append(b)
	}
	if err == nil {
		err = v.replace(f.File)
	}
	if err != nil {
		f.close()
		v.file, v.end = old, end
		return fmt.Errorf("write the state anew: %w", err)
	}
	if old != nil {
		old.close()
	}
	return nil
}
