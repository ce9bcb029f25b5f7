package manager

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestLogsAhead reads with what comes together, and compares it with what comes line
// by line.
func TestLogsAhead(t *testing.T) {
	m := realManager(t)
	for i, name := range []string{"shop:web", "shop:worker"} {
		if _, err := m.Create(three(name)); err != nil {
			t.Fatal(err)
		}
		ended(t, m, i+1)
	}
	tell := func(l *LogLine, cursor string) string {
		return fmt.Sprintf("%d %s %s %s %v %s: %s", l.PID, l.Process, l.Instance, l.Stream, l.Time, cursor, l.Text)
	}
	for _, until := range []time.Time{{}, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)} {
		q := LogQuery{Until: until}
		var want, got []string
		r, err := m.Logs("shop", q)
		if err != nil {
			t.Fatal(err)
		}
		for line, err := r.Next(t.Context(), 0); err == nil; line, err = r.Next(t.Context(), 0) {
			want = append(want, tell(&line, line.Cursor.String()))
		}
		r.Close()
		if r, err = m.Logs("shop", q); err != nil {
			t.Fatal(err)
		}
		together := 0
		for line, err := r.Next(t.Context(), 0); err == nil; line, err = r.Next(t.Context(), 0) {
			got = append(got, tell(&line, line.Cursor.String()))
			all, ok := r.Ahead()
			if !ok {
				continue
			}
			before, at, after := all.Cursor.Split()
			line := all
			for text := range bytes.Lines(all.Text) {
				at += int64(len(text))
				line.Text = text[:len(text)-1]
				got = append(got, tell(&line, fmt.Sprint(before, at, after)))
				together++
			}
			r.Skip(len(all.Text))
		}
		r.Close()
		if !slices.Equal(got, want) {
			t.Errorf("got\n%q\nwant\n%q", got, want)
		}
		if len(want) > 0 && together == 0 {
			t.Error("nothing came together")
		}
	}
	// Not while lines are left out that are not among the last.
	r, err := m.Logs("shop", LogQuery{Tail: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, ok := r.Ahead(); ok {
		t.Error("something is ahead of what was never read")
	}
}
