package webhooks

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gafferd/gaffer/manager"
)

func event(n int) *entry {
	return &entry{ID: fmt.Sprint(n), Event: "exit", Lane: "web", Seq: uint64(n), Body: fmt.Appendf(nil, `{"seq":%d}`, n)}
}

// reopened is what a journal says in the next life. It looks at a copy.
func reopened(t *testing.T, dir string) (ids string, missed uint64) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "x"))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	root := folder(t, dir)
	defer root.Close()
	j, o, _ := openJournal(root, "x", 0, slog.Default())
	defer j.close()
	for at := o.order.Front(); at != nil; at = at.Next() {
		ids += at.Value.(*entry).ID + " "
	}
	return ids, o.missed
}

// TestJournalStaysSmall holds that a file does not grow with what has been
// delivered, whether or not something waits.
func TestJournalStaysSmall(t *testing.T) {
	dir := t.TempDir()
	root := folder(t, dir)
	defer root.Close()
	j, o, _ := openJournal(root, "x", 0, slog.Default())
	defer j.close()
	waits := event(0)
	waits.Lane = "other"
	o.add(waits)
	j.add(waits)
	if o.take(time.Now()) != waits {
		t.Fatal("the first one is not taken")
	}
	for n := range 5000 {
		e := event(n + 1)
		o.add(e)
		j.add(e)
		j.flush(o)
		o.delivered(o.take(time.Now()), time.Now())
		j.done(e)
		j.flush(o)
		if info, err := os.Stat(filepath.Join(dir, "x")); err != nil || info.Size() > slack+1000 {
			t.Fatalf("after %d deliveries: %d bytes, %v", n+1, info.Size(), err)
		}
	}
	if ids, _ := reopened(t, dir); ids != "0 " {
		t.Errorf("what is kept is %q, want the one that waits", ids)
	}
	o.delivered(waits, time.Now())
	j.done(waits)
	j.flush(o)
	if text, err := os.ReadFile(filepath.Join(dir, "x")); err != nil || string(text) != "{\"seen\":5000}\n" {
		t.Errorf("with nothing to keep: %q, %v", text, err)
	}
}

// TestJournalMends goes on without the disk, and keeps all that waits when it is
// back.
func TestJournalMends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		root := folder(t, dir)
		defer root.Close()
		log := &logged{}
		j, o, _ := openJournal(root, "x", 0, slog.New(slog.NewTextHandler(log, nil)))
		write := func(n int) {
			e := event(n)
			o.add(e)
			j.add(e)
			j.flush(o)
		}
		write(1)
		j.file.Close() // any write fails now
		write(2)
		write(3)
		if ids, _ := reopened(t, dir); ids != "1 " {
			t.Errorf("what is kept is %q, want what came before the failure", ids)
		}
		time.Sleep(mendPause)
		o.miss(7, 6, time.Now())
		write(4)
		write(5)
		j.close()
		if ids, missed := reopened(t, dir); ids != "1 2 3 4 5 " || missed != 7 {
			t.Errorf("what is kept is %q and %d missed, want all", ids, missed)
		}
		if text := log.String(); strings.Count(text, "are not kept on disk") != 1 || strings.Count(text, "kept on disk again") != 1 {
			t.Errorf("the log is\n%s", text)
		}
	})
}

// TestCursorFallsBehind tells the receiver what was gone before it could be taken
// over.
func TestCursorFallsBehind(t *testing.T) {
	h := &hook{outbox: newOutbox(), log: slog.New(slog.DiscardHandler)}
	now := time.Now()
	h.accept(batch{[]manager.Event{{Seq: 10, Event: "exit", Name: "web"}}, 3}, now)
	gap, exit := h.outbox.take(now), h.outbox.take(now)
	if string(gap.Body) != `{"event":"gap","missed":3,"seq":9}` || exit.Seq != 10 || h.history.dropped != 3 {
		t.Errorf("then come %s and %s, and %d are counted", gap.Body, exit.Body, h.history.dropped)
	}
	// While that is on its way, more are lost.
	h.lose(2, 20, "", now)
	h.outbox.delivered(gap, now)
	if next := h.outbox.take(now); next == nil || next.missed != 2 || next.Seq != 20 {
		t.Errorf("then comes %+v", next)
	}
}
