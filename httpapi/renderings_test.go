package httpapi

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gafferd/gaffer/manager"
)

// runOf is what LogReader.Ahead might return.
func runOf(t *testing.T, number, lines int) *manager.LogLine {
	t.Helper()
	cursor, err := manager.ParseLogCursor(fmt.Sprintf("%d.7.1.%d", number, number*1_000_000))
	if err != nil {
		t.Fatal(err)
	}
	return &manager.LogLine{
		PID: 7, Process: "shop:web", Instance: "web-1", Stream: "stdout", Cursor: cursor,
		Time: time.Unix(1, int64(number)), Text: bytes.Repeat([]byte("what \"it\" says\n"), lines),
	}
}

// TestRenderings has several readers render the same runs, one of them in another
// order: each gets what he would have written himself.
func TestRenderings(t *testing.T) {
	var all allRenderings
	var work sync.WaitGroup
	var leave []func()
	for i := range 6 {
		shared, done := all.hold("shop")
		leave = append(leave, done)
		work.Go(func() {
			var mine, plain logEncoder
			for n := range 120 {
				number := 1 + n
				if i == 0 {
					number = 120 - n
				}
				run := runOf(t, number, 5*number)
				want, wantN := plain.appendEvents(nil, run)
				got, gotN := shared.appendEvents([]byte("before "), &mine, run)
				if string(got) != "before "+string(want) || gotN != wantN {
					t.Errorf("reader %d, run %d: %d bytes of events for %d, want %d for %d", i, number, len(got), gotN, len(want), wantN)
					return
				}
			}
		})
	}
	work.Wait()
	for _, done := range leave {
		done()
	}
	if len(all.app) != 0 {
		t.Error("something is kept when all readers are gone")
	}
}

func TestRenderingsOfOne(t *testing.T) {
	var all allRenderings
	shared, done := all.hold("shop")
	defer done()
	var e logEncoder
	shared.appendEvents(nil, &e, runOf(t, 1, 1000))
	for _, kept := range shared.recent {
		if kept != nil {
			t.Fatal("what one reader has rendered is kept for nobody")
		}
	}
}
