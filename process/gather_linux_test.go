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
			r.run()
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
			if r.gather() {
				t.Error("a stream that is cut is at its end")
			}
			r.run()
			complete(r)
			theirs.Close()
			r.log.Discard()
			if now := descriptors(t); now > before {
				t.Errorf("%d descriptors are open, before there were %d", now, before)
			}
		})
	}
}

// TestFloodsOfSmallWritesAreGathered has lines written as fast as they can be.
func TestFloodsOfSmallWritesAreGathered(t *testing.T) {
	r, theirs, cut := pipeReader(t, nil)
	var work sync.WaitGroup
	defer work.Wait()
	defer cut()
	work.Go(r.run)
	line := append(bytes.Repeat([]byte("~"), 99), '\n')
	var seen atomic.Bool
	defer seen.Store(true)
	work.Go(func() {
		for !seen.Load() {
			theirs.Write(line)
		}
	})
	poll(t, "a flood that is gathered", r.isGathering)
	seen.Store(true)
	poll(t, "its end", func() bool { return !r.isGathering() })
}
