package manager

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// savePause lets changes gather that come together and nobody waits for.
	savePause = 10 * time.Millisecond

	// saveShare bounds which part of the time is spent on those: one in so many.
	saveShare = 10

	// saveRetry is when to try again what could not be written.
	saveRetry = time.Second
)

// saver keeps the files of the state up to date. It is nil without a state
// directory.
type saver struct {
	m       *Manager
	trouble trouble
	dirty   chan struct{} // has a token when something has changed
	hurry   chan struct{} // has a token when somebody waits in sync
	quit    chan struct{} // closed when nothing will change any more
	done    chan struct{} // closed when all is written

	// As last written. They are run's.
	templates []byte
	exits     []byte
	running   []byte

	mu       sync.Mutex // guards everything below; no other is taken under it
	restored bool       // what was saved has been taken over
	frozen   []byte     // the templates that are not to change any more; nil: they may
	final    bool       // the last pid is the last
	ceiling  int        // the last pid that the disk knows of; those up to it may be given
	next     *saving    // those who wait for the next save; nil if none does
}

// saving is a save that somebody waits for.
type saving struct {
	done chan struct{}
	err  error // once done
}

func newSaver(m *Manager) *saver {
	sv := &saver{
		m:       m,
		dirty:   make(chan struct{}, 1),
		hurry:   make(chan struct{}, 1),
		quit:    make(chan struct{}),
		done:    make(chan struct{}),
		ceiling: m.options.State.exits.LastPID,
		trouble: trouble{m: m},
	}
	sv.trouble.leftOut(m.options.State.leftOut)
	// Before anything runs, the disk has to know how to recognise it.
	sv.trouble.state(sv.write(runningFile, m.encodeRunning(false), &sv.running))
	sv.changed() // for the first pids
	go sv.run()
	return sv
}

// Saved returns when what is wanted by now is on disk, where the daemon's next
// life finds it even if this one is killed. All who wait at one time share one
// write. Without a state directory there is nothing to wait for. The error is
// why it could not be written, which is tried again meanwhile, or ctx's cause.
func (m *Manager) Saved(ctx context.Context) error { return m.saver.sync(ctx) }

func (sv *saver) sync(ctx context.Context) error {
	if sv == nil {
		return nil
	}
	sv.mu.Lock()
	if sv.next == nil {
		sv.next = &saving{done: make(chan struct{})}
	}
	next := sv.next
	sv.mu.Unlock()
	nudge(sv.hurry)
	select {
	case <-next.done:
		return next.err
	case <-sv.done: // the last save has been
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// changed notes that something is to be written. It does not wait.
func (sv *saver) changed() {
	if sv != nil {
		nudge(sv.dirty)
	}
}

// nudge puts a token into c, if there is none.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// begin lets the templates be written: before Restore they are not all there.
func (sv *saver) begin() {
	sv.mu.Lock()
	sv.restored = sv.frozen == nil // else a shutdown came first, and knows only some of them
	sv.mu.Unlock()
	sv.changed()
}

// freeze has the templates written for the last time as they are now: what is stopped by
// a shutdown is to run again. It does not wait for the disk.
func (sv *saver) freeze() {
	if sv == nil {
		return
	}
	now := sv.m.encodeTemplates()
	sv.mu.Lock()
	sv.frozen = now
	sv.mu.Unlock()
	nudge(sv.hurry)
}

// wanted are the templates as they are to be on disk.
func (sv *saver) wanted() []byte {
	now := sv.m.encodeTemplates()
	sv.mu.Lock() // after: they may have been frozen, and some stopped, while they were looked at
	defer sv.mu.Unlock()
	if sv.frozen != nil {
		return sv.frozen
	}
	return now
}

// finish writes what is left and ends the saver.
func (sv *saver) finish() {
	if sv == nil {
		return
	}
	sv.mu.Lock()
	sv.final = true
	sv.mu.Unlock()
	close(sv.quit)
	<-sv.done
}

// hangs reports whether it is the disk that the end of everything waits for.
func (sv *saver) hangs() bool {
	if sv == nil {
		return false
	}
	select {
	case <-sv.done:
		return false
	default:
	}
	sv.mu.Lock()
	defer sv.mu.Unlock()
	return sv.final
}

// run writes what changes. It ends with finish.
func (sv *saver) run() {
	defer close(sv.done)
	var due, retry <-chan time.Time // when to write what nobody waits for, and all that has failed
	pause := savePause
	for {
		dirty := sv.dirty
		if due != nil {
			dirty = nil
		}
		all := true
		select {
		case <-dirty:
			due = time.After(pause)
			continue
		case err := <-sv.m.options.State.failures:
			sv.trouble.logs(err)
			continue
		case <-sv.hurry:
			all = false // the exits can wait: dirty or due tells of them
		case <-due:
			due = nil
		case <-retry:
		case <-sv.quit:
			sv.save(true)
			return
		}
		began := time.Now()
		if all {
			retry = nil
		}
		if sv.save(all) != nil && retry == nil {
			retry = time.After(saveRetry)
		}
		pause = max(savePause, saveShare*time.Since(began))
	}
}

// save writes the files whose content has changed; that of the exits only if all
// is to be written, or pids are running out.
func (sv *saver) save(all bool) error {
	sv.mu.Lock()
	waiting := sv.next // for what has been changed by now
	sv.next = nil
	restored, final := sv.restored, sv.final
	ceiling := sv.ceiling
	last := sv.m.pids.lastPID()
	switch {
	case sv.final:
		ceiling = last
	case last+pidBlock/2 > ceiling:
		ceiling = last + pidBlock
	}
	all = all || ceiling != sv.ceiling
	sv.mu.Unlock()

	var err error
	if restored {
		err = sv.write(templatesFile, sv.wanted(), &sv.templates)
	}
	if all {
		err = cmp.Or(err, sv.write(runningFile, sv.m.encodeRunning(final), &sv.running))
		failed := sv.write(exitsFile, sv.m.encodeExits(ceiling), &sv.exits)
		if failed == nil {
			sv.mu.Lock()
			sv.ceiling = ceiling
			sv.mu.Unlock()
		}
		err = cmp.Or(err, failed)
	}
	if err != nil || all {
		sv.trouble.state(err)
	}
	if waiting != nil {
		waiting.err = err
		close(waiting.done)
	}
	return err
}

func (sv *saver) write(name string, content []byte, last *[]byte) error {
	if bytes.Equal(content, *last) {
		return nil
	}
	if err := sv.m.options.State.write(name, content); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	*last = content
	return nil
}

// pidBlock is how many pids may be given before the disk has to know more.
const pidBlock = 1000

// reserveTime is how long a program waits for a disk that is to know its pid.
const reserveTime = 5 * time.Second

// reserve returns when pid may be given to a program: the daemon's next life
// will not give it again, even if this one is killed. If that cannot be written
// it returns all the same: that programs run comes first.
func (sv *saver) reserve(pid int) {
	if sv == nil {
		return
	}
	sv.mu.Lock()
	ceiling := sv.ceiling
	sv.mu.Unlock()
	switch {
	case pid > ceiling:
		ctx, cancel := context.WithTimeout(context.Background(), reserveTime)
		defer cancel()
		_ = sv.sync(ctx) // told by whoever writes
	case pid+pidBlock/2 > ceiling:
		sv.changed()
	}
}
