package manager

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func init() {
	// Prints numbered lines until its input ends.
	children["count"] = func() {
		go func() {
			for i := 0; ; i++ {
				fmt.Printf("line %d\n", i)
				time.Sleep(time.Millisecond)
			}
		}()
		io.Copy(io.Discard, os.Stdin)
	}
	children["unfinished"] = func() {
		fmt.Print("one\ntwo\n")
		fmt.Print("out")
		fmt.Fprint(os.Stderr, "err")
		time.Sleep(time.Hour)
	}
	// Writes what its input says, where it says: 2 "text".
	children["write"] = func() {
		outputs := map[int]*os.File{1: os.Stdout, 2: os.Stderr}
		var fd int
		var text string
		for {
			if _, err := fmt.Scanf("%d %q\n", &fd, &text); err != nil {
				return
			}
			outputs[fd].WriteString(text)
		}
	}
	children["three"] = func() { fmt.Print("one\ntwo\nthree\nunfinished") }
}

// logsOf reads what there is of an app's output.
func logsOf(t *testing.T, m *Manager, app string, q LogQuery) (lines []string, last LogCursor) {
	t.Helper()
	r, err := m.Logs(app, q)
	if err != nil {
		t.Fatal(err)
	}
	for line, err := range r.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("[%s] %s", line.Instance, line.Text))
		last = line.Cursor
	}
	return lines, last
}

// ended waits until so many instances have ended.
func ended(t *testing.T, m *Manager, n int) {
	t.Helper()
	c := m.Events().Subscribe(pattern(t, "exit"), 0)
	for range n {
		if _, _, err := c.Next(t.Context(), 20*time.Second); err != nil {
			t.Fatal(err)
		}
	}
}

func three(name string) Template {
	t := childTemplate(name, "three")
	t.Restart = RestartNever
	return t
}

func TestLogsOfAnApp(t *testing.T) {
	m := realManager(t)
	for i, name := range []string{"shop:web", "shop:worker", "other"} {
		if _, err := m.Create(three(name)); err != nil {
			t.Fatal(err)
		}
		ended(t, m, i+1)
	}
	all := LogQuery{}
	web := []string{"[web-1] one", "[web-1] two", "[web-1] three", "[web-1] unfinished"}
	worker := []string{"[worker-1] one", "[worker-1] two", "[worker-1] three", "[worker-1] unfinished"}
	both := append(slices.Clone(web), worker...)
	for name, tc := range map[string]struct {
		query func(q *LogQuery)
		want  []string
	}{
		"all":           {func(q *LogQuery) {}, both},
		"no tail":       {func(q *LogQuery) { q.Tail = TailNone }, nil},
		"tail 1":        {func(q *LogQuery) { q.Tail = 1 }, both[7:]},
		"tail 6":        {func(q *LogQuery) { q.Tail = 6 }, both[2:]},
		"tail 100":      {func(q *LogQuery) { q.Tail = 100 }, both},
		"type":          {func(q *LogQuery) { q.Filter = []string{"web"} }, web},
		"instance":      {func(q *LogQuery) { q.Filter = []string{"worker-1", "web-7"} }, worker},
		"stderr":        {func(q *LogQuery) { q.Stream = "stderr" }, nil},
		"grep":          {func(q *LogQuery) { q.Grep = regexp.MustCompile("^t") }, []string{web[1], web[2], worker[1], worker[2]}},
		"grep and tail": {func(q *LogQuery) { q.Grep = regexp.MustCompile("^t"); q.Tail = 3 }, []string{web[2], worker[1], worker[2]}},
		"since":         {func(q *LogQuery) { q.Since = time.Now().Add(-time.Hour) }, both},
		"since now":     {func(q *LogQuery) { q.Since = time.Now().Add(time.Hour) }, nil},
		"until":         {func(q *LogQuery) { q.Until = time.Now().Add(-time.Hour) }, nil},
	} {
		q := all
		tc.query(&q)
		if got, _ := logsOf(t, m, "shop", q); !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
	for n := range both {
		r, err := m.Logs("shop", all)
		if err != nil {
			t.Fatal(err)
		}
		var line LogLine
		for range n + 1 {
			if line, err = r.Next(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
		cursor, err := ParseLogCursor(line.Cursor.String())
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := logsOf(t, m, "shop", LogQuery{After: cursor}); !slices.Equal(got, both[n+1:]) {
			t.Errorf("after line %d: got %q", n, got)
		}
	}
	if _, err := m.Logs("nobody", all); err == nil {
		t.Error("logs of an app that does not exist")
	}
}

// Lines that are unfinished count among the last.
func TestLastLogsHaveNoMoreLinesThanAskedFor(t *testing.T) {
	m := realManager(t)
	if _, err := m.Create(childTemplate("web", "unfinished")); err != nil {
		t.Fatal(err)
	}
	var all []string
	for deadline := time.Now().Add(20 * time.Second); len(all) < 4; {
		if all, _ = logsOf(t, m, "web", LogQuery{}); time.Now().After(deadline) {
			t.Fatalf("got %q", all)
		}
	}
	for n := range len(all) + 2 {
		q := LogQuery{Tail: n}
		if n == 0 {
			q.Tail = TailNone
		}
		// Which of the two unfinished ones is the last, nobody knows.
		if got, _ := logsOf(t, m, "web", q); len(got) != min(n, len(all)) {
			t.Errorf("the last %d: got %q", n, got)
		}
	}
}

// follower reads an app's output, in pieces, and checks that no line of any
// instance is lost or repeated.
func follower(ctx context.Context, t *testing.T, m *Manager, app string, want int) {
	next := make(map[string]int)
	q := LogQuery{Follow: true}
	for seen := 0; seen < want; {
		r, err := m.Logs(app, q)
		if err != nil {
			t.Error(err)
			return
		}
		for range 500 { // then it loses its connection
			line, err := r.Next(ctx, 0)
			if err != nil {
				t.Error(err)
				break
			}
			q.After = line.Cursor
			key := fmt.Sprint(line.PID)
			n, err := strconv.Atoi(strings.TrimPrefix(string(line.Text), "line "))
			if err != nil || n != next[key] || line.Missed > 0 {
				t.Errorf("pid %s: got %q (missed %d), want line %d", key, line.Text, line.Missed, next[key])
				seen = want
				break
			}
			next[key]++
			seen++
		}
		r.Close()
	}
}

func TestFollowersResumeWithoutLossOrRepetition(t *testing.T) {
	m := realManager(t)
	web := childTemplate("web", "count")
	web.NumProcesses, web.RedirectInput = 5, true
	if _, err := m.Create(web); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	done := make(chan struct{})
	for range 3 {
		go func() {
			follower(ctx, t, m, "web", 6000)
			done <- struct{}{}
		}()
	}
	if _, err := m.Restart("web"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		<-done
	}
}

// stateManager is a Manager with a state directory, and what ends both.
func stateManager(t *testing.T, dir string) (m *Manager, end func()) {
	t.Helper()
	return stateManagerWith(t, dir, Options{})
}

func stateManagerWith(t *testing.T, dir string, o Options) (m *Manager, end func()) {
	t.Helper()
	var err error
	if o.State, err = OpenState(t.Context(), dir, StateOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	m, state := New(o), o.State
	return m, func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := m.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestStateOutlivesTheManager(t *testing.T) {
	dir := t.TempDir()
	m, end := stateManager(t, dir)
	if _, err := m.Restore(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Create(three("shop:web")); err != nil {
		t.Fatal(err)
	}
	ended(t, m, 1)
	o, err := m.Create(childTemplate("shop:sleeper", "hang"))
	if err != nil || o.Wait(t.Context()) != nil {
		t.Fatal(err)
	}
	asleep := childTemplate("asleep", "hang")
	asleep.Start = false
	if _, err := m.Create(asleep); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Load([]Template{three("filed")}); err != nil {
		t.Fatal(err)
	}
	ended(t, m, 2)
	if _, _, err := m.Scale("asleep", 3); err != nil {
		t.Fatal(err)
	}
	before, cursor := logsOf(t, m, "shop", LogQuery{})
	last := m.pids.lastPID()
	end()

	m, end = stateManager(t, dir)
	defer func() { end() }()
	if taken, err := m.Restore(); err != nil || len(taken) > 0 {
		t.Fatal(taken, err)
	}
	if got := m.Names(); !slices.Equal(got, []string{"shop:web", "shop:sleeper", "asleep"}) {
		t.Errorf("restored %v", got)
	}
	if a, _ := m.Template("asleep"); a.NumProcesses != 3 {
		t.Errorf("asleep has %d processes", a.NumProcesses)
	}
	if s, _ := m.Status("asleep"); s.Active || s.Running > 0 {
		t.Errorf("asleep is %+v", s)
	}
	c := m.Events().Subscribe(pattern(t, "proc", "shop:sleeper", "spawn"), 0)
	if ev, _, err := c.Next(t.Context(), 20*time.Second); err != nil || ev.PID <= last {
		t.Errorf("its new pid is %d, after %d; %v", ev.PID, last, err)
	}
	exits, err := m.Exits("shop:web")
	if err != nil || len(exits) == 0 || exits[0].PID != 1 || exits[0].Reason != "exited" {
		t.Errorf("exits %+v, %v", exits, err)
	}
	log, err := m.Log(1, "stdout")
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := log.Read(0, 100); string(data) != "one\ntwo\nthree\nunfinished" {
		t.Errorf("its output was %q", data)
	}
	after, _ := logsOf(t, m, "shop", LogQuery{})
	if len(after) < len(before) || !slices.Equal(after[:len(before)], before) {
		t.Errorf("logs were %q, are %q", before, after)
	}
	// shop:web was active, so it has run again: what follows the cursor is that.
	ended(t, m, 1)
	got, _ := logsOf(t, m, "shop", LogQuery{After: cursor})
	if !slices.Equal(got, before) {
		t.Errorf("after the last line of the first life: %q", got)
	}
}

// Lines that end in a CR, also in one whose LF comes later, stay where they were among
// those of another output: for one who reads later, and who resumes behind any of them,
// also in a later life of the daemon.
func TestResumeBetweenCRs(t *testing.T) {
	dir := t.TempDir()
	m, end := stateManager(t, dir)
	defer func() { end() }()
	job := childTemplate("job", "write")
	job.RedirectInput, job.Restart = true, RestartNever
	o, err := m.Create(job)
	wait(t, o, err)
	input, err := m.Input(1, "stdin")
	must(t, err)
	reader, err := m.Logs("job", LogQuery{Follow: true})
	must(t, err)
	defer reader.Close()
	var lines []string
	var cursors []LogCursor
	for _, step := range []struct {
		write, line string
	}{
		{`1 "10%\r"`, "10%"},
		{`1 "20%\r"`, "20%"},
		{`2 "warning\n"`, "warning"},
		{`1 "30%\r"`, "30%"},
		{`2 "other\n"`, "other"},
		{`1 "\ndone\n"`, "done"},
	} {
		_, _, err := input.Copy(t.Context(), strings.NewReader(step.write+"\n"), -1)
		must(t, err)
		line, err := reader.Next(t.Context(), 20*time.Second)
		if err != nil || string(line.Text) != step.line {
			t.Fatalf("behind %q came %q, %v", lines, line.Text, err)
		}
		lines, cursors = append(lines, "[job-1] "+step.line), append(cursors, line.Cursor)
	}
	check := func(where string) {
		t.Helper()
		if got, _ := logsOf(t, m, "job", LogQuery{}); !slices.Equal(got, lines) {
			t.Errorf("%s: got %q, want %q", where, got, lines)
		}
		for i, after := range cursors {
			if got, _ := logsOf(t, m, "job", LogQuery{After: after}); !slices.Equal(got, lines[i+1:]) {
				t.Errorf("%s, behind %s: got %q, want %q", where, lines[i], got, lines[i+1:])
			}
		}
	}
	check("in memory")
	must(t, input.Close())
	ended(t, m, 1)
	end()
	m, end = stateManager(t, dir)
	check("on disk")
}

func TestStateIsLocked(t *testing.T) {
	dir := t.TempDir()
	_, end := stateManager(t, dir)
	defer end()
	ctx, cancel := context.WithCancel(t.Context())
	waited := 0
	_, err := OpenState(ctx, dir, StateOptions{}, func(int) { waited++; cancel() })
	if err == nil || waited != 1 {
		t.Errorf("opened twice: %v, told %d times", err, waited)
	}
}

// A daemon that is killed may leave lines on disk whose numbers are not. Who
// resumes behind one of them must not get the others' lines again.
func TestCursorsNeverGoBack(t *testing.T) {
	dir := t.TempDir()
	m, end := stateManager(t, dir)
	for i, name := range []string{"shop:a", "shop:b"} {
		if _, err := m.Create(three(name)); err != nil {
			t.Fatal(err)
		}
		ended(t, m, i+1)
	}
	_, last := logsOf(t, m, "shop", LogQuery{})
	end()
	idx := filepath.Join(dir, "logs", "shop", "shop:b", "2.idx")
	content, err := os.ReadFile(idx)
	if err != nil {
		t.Fatal(err)
	}
	head := bytes.IndexByte(content, '}') + 1 // of what it says of the instance
	if err := os.Truncate(idx, int64(head)); err != nil {
		t.Fatal(err)
	}
	m, end = stateManager(t, dir)
	defer func() { end() }()
	after := last
	after.end -= int64(len("three\nunfinished"))
	r, err := m.Logs("shop", LogQuery{After: after})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	line, err := r.Next(t.Context(), 0)
	if err != nil || line.Instance != "b-1" || string(line.Text) != "three" {
		t.Fatalf("%s %q, %v", line.Instance, line.Text, err)
	}
	rest, _ := logsOf(t, m, "shop", LogQuery{After: line.Cursor})
	if len(rest) == 0 || rest[0] != "[b-1] unfinished" || slices.Contains(rest, "[a-1] unfinished") {
		t.Errorf("behind that: %q", rest)
	}
}
