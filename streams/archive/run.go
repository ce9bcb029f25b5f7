package archive

import (
	"context"
	"time"
)

const (
	// pause lets output gather, so that many instances that write little are
	// written seldom. A flood does not wait: see streams.Bell.
	pause = 100 * time.Millisecond

	// retry is how often writing is tried again after it has failed. A log that waits
	// for that holds a lot and rings for every byte that comes, so breath is how long a
	// bell is not listened to.
	retry  = time.Second
	breath = 10 * time.Millisecond

	// tidy is how often the age of files is looked at.
	tidy = time.Hour
)

// run writes what the logs bring. It ends with ctx, when all there is has been
// written once more.
func (d *Dir) run(ctx context.Context) {
	tidied := time.Now()
	var failing error
	for ctx.Err() == nil {
		rung, urgent := d.options.Bell.Wait() // before looking, so that nothing is overlooked
		now := time.Now()
		moved, waiting, err := d.pump(now)
		failing = d.tell(failing, err)
		d.sweep()
		if now.Sub(tidied) > tidy {
			tidied = now
			d.retainAll(now)
		}
		idle := tidy
		if waiting {
			idle = holdLine
		}
		if err != nil {
			idle = min(idle, retry)
		}
		if moved >= batchSize { // a flood
			continue
		}
		if moved == 0 && !sleep(ctx, idle, rung) {
			continue
		}
		if err != nil {
			sleep(ctx, breath, nil)
		}
		sleep(ctx, pause, urgent)
	}
	for _, w := range d.writers() {
		w.again = time.Time{}
	}
	_, _, err := d.pump(time.Now())
	d.tell(failing, err)
	d.sweep()
	for _, w := range d.writers() {
		w.close()
	}
}

// sleep waits for d, for a bell, or for the end of ctx. It reports whether it
// was the bell.
func sleep(ctx context.Context, d time.Duration, bell <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-bell:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// pump has every writer write what there is. One that fails is left out until it is
// to try again, and does not keep the others from it; failed says that there is one.
func (d *Dir) pump(now time.Time) (moved int, waiting bool, failed error) {
	upTo := d.options.Sequence.Last()
	for _, w := range d.writers() {
		if w.failed != nil && now.Before(w.again) {
			failed = w.failed
			continue
		}
		n, ended, err := w.pump(now, upTo)
		moved += n
		waiting = waiting || w.waiting()
		if w.failed = err; err != nil {
			failed, w.again = err, now.Add(retry)
			continue
		}
		if ended {
			d.end(w.f, now)
		}
	}
	return moved, waiting, failed
}

func (d *Dir) writers() []*writer {
	d.mu.Lock()
	defer d.mu.Unlock()
	ws := make([]*writer, 0, len(d.live))
	for f := range d.live {
		ws = append(ws, f.writer)
	}
	return ws
}

// tell makes a failure known, and its end. It returns what is the case now.
func (d *Dir) tell(before, now error) error {
	if (before == nil) != (now == nil) && d.options.Failed != nil {
		d.options.Failed(now)
	}
	return now
}
