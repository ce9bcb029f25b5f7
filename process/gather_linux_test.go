package process

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gafferd/gaffer/streams"
)

// isGathering reports whether r reads without being polled.
func (r *reader) isGathering() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.file == nil
}

// pipeReader is a reader of a pipe, and the end that is written to.
func pipeReader(t *testing.T, kept *durable) (r *reader, theirs *os.File, cut func()) {
	t.Helper()
	theirs, ours, err := outputPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	r = newReader(ctx, streams.NewLog(streams.Options{}), ours, kept)
	r.pipe = true
	cut = func() { cancel(); r.interrupt() }
	t.Cleanup(cut)
	return r, theirs, cut
}

// TestGather has a stream gathered from the beginning on, whether it floods or not: until
// it is quiet, until its end, and until it is cut.
func TestGather(t *testing.T) {
	for name, kept := range map[string]func() *durable{
		"kept":     func() *durable { return &durable{child: looseChild{}, fd: 1, label: "stdout"} },
		"not kept": func() *durable { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			say := func(theirs *os.File, s string) {
				t.Helper()
				text.WriteString(s)
				if _, err := theirs.WriteString(s); err != nil {
					t.Error(err)
				}
			}
			complete := func(r *reader) {
				t.Helper()
				if got, _ := r.log.Read(0, 1<<20); string(got) != text.String() {
					t.Errorf("%d of %d bytes have come", len(got), text.Len())
				}
			}

			before := descriptors(t)
			r, theirs, cut := pipeReader(t, kept())
			say(theirs, "one ")
			if r.gather() {
				t.Fatal("a quiet stream is at its end")
			}
			complete(r)
			var work sync.WaitGroup
			work.Go(r.run)
			say(theirs, "two ")
			if err := r.log.Wait(t.Context(), int64(text.Len()-1), patience); err != nil {
				t.Errorf("after it was gathered, it is not read: %v", err)
			}
			complete(r)
			cut()
			work.Wait()
			theirs.Close()
			r.log.Discard()

			text.Reset()
			r, theirs, _ = pipeReader(t, kept())
			say(theirs, "three ")
			theirs.Close()
			if !r.gather() {
				t.Error("a stream that has ended is not at its end")
			}
			complete(r)
			r.end()
			select {
			case <-r.log.Done():
			default:
				t.Error("its log is not")
			}
			r.log.Discard()

			text.Reset()
			r, theirs, cut = pipeReader(t, kept())
			say(theirs, "four ")
			cut()
			if !r.gather() {
				t.Error("a stream that is cut is not at its end")
			}
			r.end()
			complete(r)
			theirs.Close()
			r.log.Discard()

			text.Reset()
			r, theirs, cut = pipeReader(t, kept())
			say(theirs, "five ")
			if err := r.leavePoller(); err != nil {
				t.Fatal(err)
			}
			cut()
			if !r.joinPoller() {
				t.Error("it cannot be polled again")
			}
			r.run() // ends, although it was not polled when it was cut
			complete(r)
			theirs.Close()
			r.log.Discard()
			if now := descriptors(t); now > before {
				t.Errorf("%d descriptors are open, before there were %d", now, before)
			}
		})
	}
}

// floodWith writes lines as fast as it can, until stop or until nobody can read them.
func floodWith(theirs *os.File, stop *atomic.Bool) {
	line := append(bytes.Repeat([]byte("~"), 1023), '\n')
	for !stop.Load() {
		if _, err := theirs.Write(line); err != nil {
			return
		}
	}
}

func TestFloodsOfSmallWritesAreGathered(t *testing.T) {
	r, theirs, cut := pipeReader(t, nil)
	var work sync.WaitGroup
	defer work.Wait()
	defer cut()
	work.Go(r.run)
	var stop atomic.Bool
	work.Go(func() { floodWith(theirs, &stop) })
	poll(t, "a flood that is gathered", r.isGathering)
	stop.Store(true)
	poll(t, "its end", func() bool { return !r.isGathering() })
}

// TestCutWhileGathering cuts the stream of a program that goes on and on.
func TestCutWhileGathering(t *testing.T) {
	r, theirs, cut := pipeReader(t, nil)
	var work sync.WaitGroup
	work.Go(r.run)
	work.Go(func() { floodWith(theirs, new(atomic.Bool)) })
	poll(t, "a flood that is gathered", r.isGathering)
	cut()
	work.Wait()
	select {
	case <-r.log.Done():
	default:
		t.Error("its log is open")
	}
}

// TestResizeWhileGathering has the detector of races look at both: a pipe may be made
// smaller, by a timer, while what it holds is taken.
func TestResizeWhileGathering(t *testing.T) {
	theirs, ours, err := outputPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := newReader(ctx, streams.NewLog(streams.Options{}), ours, nil)
	r.pipe = true
	defer r.end()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				r.grow.shrink()
			}
		}
	}()
	for range 1000 {
		r.gather()
		r.joinPoller()
	}
	close(stop)
	<-done
}
