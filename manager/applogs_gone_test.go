package manager

import (
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// A reader that does not come to read while more instances end than are listed
// is told of every one of them.
func TestStalledReaderIsToldOfInstancesThatWent(t *testing.T) {
	m := realManager(t)
	web := NewTemplate("web", `printf 'one\ntwo\nthree\nunfinished'`) // starts faster than the test itself
	web.Restart, web.Start = RestartNever, false
	_, err := m.Create(web)
	must(t, err)
	follow, err := m.Logs("web", LogQuery{Tail: TailNone, Follow: true})
	must(t, err)
	defer follow.Close()
	const lives = keptExits + 5
	var first LogCursor
	for n := range lives {
		_, err := m.Start("web")
		must(t, err)
		ended(t, m, n+1)
		if n == 0 {
			_, first = logsOf(t, m, "web", LogQuery{})
		}
	}
	_, err = m.Exits("web") // which waits until the last end has had its effect
	must(t, err)
	resumed, err := m.Logs("web", LogQuery{After: first, Follow: true})
	must(t, err)
	defer resumed.Close()
	size := int64(len("one\ntwo\nthree\nunfinished"))
	for name, r := range map[string]*LogReader{"who follows": follow, "who comes again": resumed} {
		missed, read := map[int]int64{}, map[int]int{}
		for read[lives] < 4 {
			line, err := r.Next(t.Context(), 20*time.Second)
			must(t, err)
			if missed[line.PID] += line.Missed; line.Missed == 0 {
				read[line.PID]++
			}
		}
		for pid := 1; pid <= lives; pid++ {
			had := pid == 1 && r == resumed
			switch {
			case had && missed[pid] == 0 && read[pid] == 0:
			case missed[pid] == size && read[pid] == 0 && pid <= lives-keptExits && !had:
			case missed[pid] == 0 && read[pid] == 4 && pid > lives-keptExits:
			default:
				t.Errorf("%s read %d lines of pid %d and was told of %d bytes", name, read[pid], pid, missed[pid])
			}
		}
	}
	// Who begins now is not told of what is gone.
	if lines, _ := logsOf(t, m, "web", LogQuery{}); len(lines) != 4*keptExits {
		t.Errorf("%d lines", len(lines))
	}
}

// Who does not come to read while more instances end than are known gets all they have
// written from disk, where the logs are kept there, once and in order.
func TestStalledReaderGoesOnFromDisk(t *testing.T) {
	m, end := stateManagerWith(t, t.TempDir(), Options{Launcher: &fakeLauncher{}, Environ: []string{}})
	defer end()
	if _, err := m.Create(quiet("web")); err != nil {
		t.Fatal(err)
	}
	a := m.outputs.hold("web")
	defer m.outputs.release(a)
	begin := func(pid int) (*output, streams.Archive) {
		f := m.options.State.logs.Create("web", "web", pid, encode(logMeta{Index: 1, outline: outline{Streams: []string{"stdout"}}}))
		log := streams.NewLog(streams.Options{Sequence: m.sequence, Bell: &a.bell, Archive: f.Stdout()})
		o := newOutput(outputKey{pid, 1}, "web", 1, log)
		m.outputs.add(a, o)
		m.options.State.logs.Follow(f, log, nil)
		return o, f.Stdout()
	}
	lives, _ := begin(1)
	fmt.Fprint(lives.log, "one\ntwo\nthree\nbegin")
	look := func(r *LogReader, want ...string) {
		t.Helper()
		for _, text := range want {
			if line, err := r.Next(t.Context(), 20*time.Second); err != nil || string(line.Text) != text {
				t.Fatalf("got %q, %v, want %q", line.Text, err, text)
			}
		}
	}
	readers := map[string]*struct {
		query LogQuery
		look  func(r *LogReader)
		want  []string
		*LogReader
	}{
		"nobody's line": {query: LogQuery{Tail: TailNone}, look: func(r *LogReader) {
			if line, err := r.Next(t.Context(), time.Nanosecond); err != streams.ErrIdle {
				t.Fatalf("got %q, %v", line.Text, err)
			}
		}, want: []string{"beginning"}},
		"a line":           {query: LogQuery{}, look: func(r *LogReader) { look(r, "one") }, want: []string{"two", "three", "beginning"}},
		"one of the last":  {query: LogQuery{Tail: 3}, look: func(r *LogReader) { look(r, "two") }, want: []string{"three", "beginning"}},
		"a part of a line": {query: LogQuery{Tail: 2}, look: func(r *LogReader) { look(r, "three", "begin") }, want: []string{"ning"}},
		"lines ahead": {query: LogQuery{}, look: func(r *LogReader) {
			look(r, "one")
			if ahead, ok := r.Ahead(); !ok || string(ahead.Text) != "two\nthree\n" {
				t.Fatalf("ahead is %q", ahead.Text)
			}
			r.Skip(len("two\n"))
		}, want: []string{"three", "beginning"}},
		"what matches": {query: LogQuery{Grep: regexp.MustCompile("^(two|beg|of|last)")}, look: func(r *LogReader) { look(r, "two") }, want: []string{"beginning"}},
	}
	for _, r := range readers {
		var err error
		r.query.Follow = true
		r.LogReader, err = m.Logs("web", r.query)
		must(t, err)
		defer r.Close()
		r.look(r.LogReader)
	}
	const count = keptOutputs + 200
	var gone []*output
	var kept []streams.Archive
	var between []string
	for i := range count {
		o, archive := begin(10 + i)
		fmt.Fprintf(o.log, "of %d\n", i)
		o.log.Close()
		gone, kept, between = append(gone, o), append(kept, archive), append(between, fmt.Sprintf("of %d", i))
	}
	for i, o := range gone {
		until(t, "it is on disk", func() bool { return kept[i].End() == o.log.End() })
		m.outputs.remove(a, gone[i:i+1])
		o.log.Discard()
	}
	fmt.Fprint(lives.log, "ning\nlast\n")
	for name, r := range readers {
		want := append(append(r.want[:len(r.want)-1:len(r.want)-1], between...), r.want[len(r.want)-1], "last")
		var got []string
		for len(got) == 0 || got[len(got)-1] != "last" {
			line, err := r.Next(t.Context(), 20*time.Second)
			if err != nil || line.Missed > 0 {
				t.Fatalf("who has read %s: %d bytes are missed, %v, behind %d lines", name, line.Missed, err, len(got))
			}
			got = append(got, string(line.Text))
		}
		if !slices.Equal(got, want) {
			t.Errorf("who has read %s got %d lines, want %d; the first are %.200q", name, len(got), len(want), got)
		}
	}
}

// What is known of outputs that are gone is bounded, and goes with the app.
func TestOutputsAreForgotten(t *testing.T) {
	var os outputs
	a := os.hold("web")
	for pid := range 3 * keptOutputs {
		o := &output{outputKey: outputKey{pid, 1}}
		os.add(a, o)
		os.remove(a, []*output{o})
	}
	if all, _ := os.since(a, 0); len(all) != keptOutputs {
		t.Errorf("%d outputs are known", len(all))
	}
	if news, now := os.since(a, 3*keptOutputs-2); len(news) != 2 || now != 3*keptOutputs {
		t.Errorf("%d of %d outputs are new", len(news), now)
	}
	if os.hold("web") != a {
		t.Error("another app of the same name")
	}
	os.release(a)
	os.release(a)
	if len(os.apps) > 0 {
		t.Error("an app is there that nobody holds")
	}
	m := realManager(t)
	for range 3 {
		run := three(NewRunName())
		_, err := m.Run(t.Context(), run)
		must(t, err)
		o, err := m.Delete(run.Name)
		wait(t, o, err)
	}
	until(t, "the apps of runs are forgotten", func() bool {
		m.outputs.mu.Lock()
		defer m.outputs.mu.Unlock()
		return len(m.outputs.apps) == 0
	})
}

// Who comes late is told of each instance that is gone, however many of others are.
func TestEachInstanceThatIsGoneIsKnown(t *testing.T) {
	var os outputs
	a := os.hold("shop")
	gone := func(process string, pid, fd int) {
		o := newOutput(outputKey{pid, fd}, process, 1, streams.NewLog(streams.Options{}))
		os.add(a, o)
		os.remove(a, []*output{o})
	}
	gone("shop:worker", 1, 1)
	gone("shop:web", 2, 2)
	for n := range 2 * keptOutputs {
		gone("shop:web", 3+n, 1)
	}
	all, _ := os.since(a, 0)
	if len(all) != keptOutputs || all[0].instance != "worker-1" || all[1].stream() != "stderr" || all[2].pid != 3+keptOutputs+2 {
		t.Errorf("%d are known, of %s, %s and pid %d", len(all), all[0].instance, all[1].stream(), all[2].pid)
	}
	for n := range 2 * keptOutputs { // until there is no room for one of each
		gone(fmt.Sprint("shop:job", n), 3*keptOutputs+n, 1)
	}
	if all, _ := os.since(a, 0); len(all) != keptOutputs || len(a.forgotten) != keptOutputs || len(a.gone) != keptOutputs {
		t.Errorf("%d, %d and %d are known", len(all), len(a.forgotten), len(a.gone))
	}
}

// The cursor of a gap with which a reading begins is behind all that is before it.
func TestResumeBehindAGapThatComesFirst(t *testing.T) {
	m, long := manyOutputs(t, 0)
	fmt.Fprintln(long, "before")
	r, err := m.Logs("web", LogQuery{Tail: TailNone, Follow: true})
	must(t, err)
	defer r.Close()
	if line, err := r.Next(t.Context(), time.Nanosecond); err != streams.ErrIdle {
		t.Fatalf("got %q, %v", line.Text, err)
	}
	a := m.outputs.hold("web")
	defer m.outputs.release(a)
	short := streams.NewLog(streams.Options{Sequence: m.sequence, Bell: &a.bell})
	m.outputs.add(a, newOutput(outputKey{2000, 1}, "web", 2, short))
	fmt.Fprintln(short, "lost")
	short.Discard()
	gap, err := r.Next(t.Context(), 20*time.Second)
	if err != nil || gap.Missed != int64(len("lost\n")) {
		t.Fatalf("missed %d, %v", gap.Missed, err)
	}
	fmt.Fprintln(long, "after")
	if lines, _ := logsOf(t, m, "web", LogQuery{After: gap.Cursor}); fmt.Sprint(lines) != "[[web-0] after]" {
		t.Errorf("who resumes behind the gap gets %q", lines)
	}
}

func TestOpenLinesOfCursors(t *testing.T) {
	c := LogCursor{5, outputKey{7, 1}, 99, openLines{{7, 1}: {end: 99, begun: time.Unix(0, 3)}, {10, 2}: {end: 4, begun: time.Unix(0, 8)}}.String()}
	if got, want := c.String(), "5.7.1.99-7.1.99.3-10.2.4.8"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if back, err := ParseLogCursor(c.String()); err != nil || back != c {
		t.Errorf("got %+v, %v", back, err)
	}
	for _, bad := range []string{"5.7.1.99-", "5.7.1.99-1.2.3", "5.7.1.99-1.2.3.x", "-1.2.3.4", "5.7.1.99--1.2.3.4"} {
		if _, err := ParseLogCursor(bad); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
	many := openLines{}
	for i := range 2 * maxOpenLines {
		many[outputKey{i, 1}] = openLine{begun: time.Unix(0, 1)}
	}
	if back, ok := parseOpenLines(many.String()); !ok || len(back) != maxOpenLines {
		t.Errorf("%d open lines, %v: %s", len(back), ok, fmt.Sprint(many)[:40])
	}
}

// Who waits for a line hears of a new output before there is any.
func TestNewOutputRingsTheBell(t *testing.T) {
	var os outputs
	a := os.hold("shop")
	rung, _ := a.bell.Wait()
	os.add(a, newOutput(outputKey{1, 1}, "shop:web", 1, streams.NewLog(streams.Options{})))
	select {
	case <-rung:
	default:
		t.Error("nobody is told")
	}
}
