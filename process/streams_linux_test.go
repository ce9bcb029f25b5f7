package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gafferd/gaffer/streams"
)

func shell(cmd string) Spec {
	s := NewSpec("test", cmd)
	s.Shell = true
	return s
}

func TestOutputIsWhole(t *testing.T) {
	for about, test := range map[string]struct {
		spec           Spec
		stdout, stderr string
	}{
		"the last line is not finished":    {shell("printf 'a\\nb'; printf c >&2"), "a\nb", "c"},
		"nothing":                          {shell("true"), "", ""},
		"much, and then the end":           {program("flood", "3000000"), floodText(3000000), ""},
		"written by a child of its own":    {shell("sh -c 'echo a; echo b >&2'"), "a\n", "b\n"},
		"bytes that are no text":           {shell("printf '\\000\\377\\r\\n\\000'"), "\x00\xff\r\n\x00", ""},
		"closed long before the exit":      {shell("echo a; exec >&- 2>&-; sleep 0.05; exit 3"), "a\n", ""},
		"killed in the middle of the flow": {shell("echo a; echo b >&2; kill -9 $$"), "a\n", "b\n"},
	} {
		test.spec.Backpressure = true
		p := run(t, test.spec, Options{})
		stdout, stderr := collect(t, p, "stdout"), collect(t, p, "stderr")
		if got := stdout(); got != test.stdout {
			t.Errorf("%s: stdout is %s, want %s", about, brief(got), brief(test.stdout))
		}
		if got := stderr(); got != test.stderr {
			t.Errorf("%s: stderr is %s, want %s", about, brief(got), brief(test.stderr))
		}
	}
}

// What the pipe holds at the end is taken beyond the window, and not in the place of
// what a reader has yet to take.
func TestBackpressureHoldsToTheEnd(t *testing.T) {
	const window, last = 64 << 10, 40 << 10 // the pipe holds so much
	s := program("flood", fmt.Sprint(window+last))
	s.Backpressure, s.RedirectOutput = true, []string{"stdout"}
	var cursor *streams.Cursor
	p := run(t, s, Options{NewLog: func(_ string, _ int, o streams.Options) *streams.Log {
		o.Window, o.MaxWindow = window, window
		log := streams.NewLog(o)
		cursor = log.Subscribe(0)
		return log
	}})
	defer cursor.Close()
	end(t, p)
	var got []byte
	for chunk, err := range cursor.All(t.Context()) {
		if err != nil || chunk.Missed > 0 {
			t.Fatalf("missed %d bytes at %d, %v", chunk.Missed, len(got), err)
		}
		got = append(got, chunk.Data...)
	}
	if string(got) != floodText(window+last) {
		t.Errorf("got %s", brief(string(got)))
	}
}

// floodText is what the program flood writes.
func floodText(n int) string {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d\n", i)
	}
	return b.String()[:n]
}

func brief(s string) string {
	if len(s) > 100 {
		return fmt.Sprintf("%d bytes ending in %q", len(s), s[len(s)-20:])
	}
	return fmt.Sprintf("%q", s)
}

func TestMergedOutputIsInOrder(t *testing.T) {
	s := program("alternate", "2000")
	s.RedirectOutput = []string{"all", "all"}
	p := run(t, s, Options{})
	var want strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&want, "%d\n", i)
	}
	if got := output(t, p, "all"); got != want.String() {
		t.Errorf("got %s", brief(got))
	}
	if labels := p.Labels(); !slices.Equal(labels, []string{"all"}) {
		t.Errorf("labels are %v", labels)
	}
}

func TestLabels(t *testing.T) {
	for _, test := range []struct {
		labels, custom []string
		input          bool
		want           map[string]error // of Log
		inputs         map[string]error // of Input
	}{
		{
			labels: []string{"stdout", "stderr"},
			want:   map[string]error{"stdout": nil, "stderr": nil, "stdin": ErrNoStream, "x": ErrNoStream},
			inputs: map[string]error{"stdin": ErrNotWritable, "stdout": ErrNotWritable, "x": ErrNoStream},
		},
		{
			labels: []string{"out", "err"}, input: true,
			want:   map[string]error{"out": nil, "err": nil, "stdout": ErrNoStream, "stderr": ErrNoStream},
			inputs: map[string]error{"stdin": nil, "stdout": ErrNoStream},
		},
		{
			labels: []string{"out"},
			want:   map[string]error{"out": nil, "stdout": ErrNoStream, "stderr": ErrNotRedirected},
		},
		{
			want: map[string]error{"stdout": ErrNotRedirected, "stderr": ErrNotRedirected, "x": ErrNoStream},
		},
		{
			labels: []string{"stdout"}, custom: []string{"ctl"},
			want:   map[string]error{"stdout": nil, "stderr": ErrNotRedirected, "ctl": nil},
			inputs: map[string]error{"ctl": nil, "stdin": ErrNotWritable},
		},
	} {
		s := program("hang")
		s.RedirectOutput, s.CustomStreams, s.RedirectInput = test.labels, test.custom, test.input
		p := run(t, s, Options{})
		if want := append(slices.Clone(test.labels), test.custom...); !slices.Equal(p.Labels(), want) || len(p.Logs()) != len(want) {
			t.Errorf("labels are %v and %v, want %v", p.Labels(), p.Logs(), want)
		}
		for label, want := range test.want {
			if _, err := p.Log(label); !errors.Is(err, want) {
				t.Errorf("%v: log %s: got %v, want %v", test.labels, label, err, want)
			}
		}
		for label, want := range test.inputs {
			if _, err := p.Input(label); !errors.Is(err, want) {
				t.Errorf("%v: input %s: got %v, want %v", test.labels, label, err, want)
			}
		}
	}
}

func TestWithoutALabelOutputIsDiscarded(t *testing.T) {
	s := shell("readlink /proc/self/fd/2; readlink /proc/self/fd/0")
	s.RedirectOutput = []string{"out"}
	if got := output(t, run(t, s, Options{}), "out"); got != "/dev/null\n/dev/null\n" {
		t.Errorf("stderr and stdin are %q", got)
	}
}

func TestCustomStreamsGoBothWays(t *testing.T) {
	s := program("echo-custom")
	s.CustomStreams = []string{"ctl", "aux"}
	p := run(t, s, Options{})
	for _, label := range s.CustomStreams {
		in, err := p.Input(label)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := in.Copy(t.Context(), strings.NewReader("hello "+label), -1); err != nil {
			t.Fatal(err)
		}
		saying(t, p, label, label+" says hello "+label)
		in.Close() // the child ends once both are at their end
	}
	if exit := end(t, p); exit.ExitStatus != 0 {
		t.Errorf("got %+v", exit)
	}
	for _, label := range s.CustomStreams {
		if got, want := output(t, p, label), label+" says hello "+label+"bye"; got != want {
			t.Errorf("%s: got %q, want %q", label, got, want)
		}
	}
}

// The last bytes and the end of a stream come in one wake-up when the child
// writes and exits at once. Nothing cuts off these streams, so a reader that
// misses the end hangs.
func TestReaderSeesTheEndWithTheLastBytes(t *testing.T) {
	for _, open := range []func() (theirs, ours *os.File, err error){outputPipe, socketPair} {
		for range 50 {
			theirs, ours, err := open()
			if err != nil {
				t.Fatal(err)
			}
			r := newReader(t.Context(), streams.NewLog(streams.Options{}), ours, nil)
			var work sync.WaitGroup
			work.Go(r.run)
			runtime.Gosched() // let it wait for the first byte, mostly
			theirs.WriteString("last words")
			theirs.Close()
			wait(t, r.log.Done(), "the end of the stream")
			work.Wait()
			if got, _ := r.log.Read(0, 100); string(got) != "last words" {
				t.Fatalf("got %q", got)
			}
		}
	}
}

// A process that ran away holds the pipes, and must hold up nothing else.
func TestStreamsEndSoonAfterTheExit(t *testing.T) {
	l, err := NewLocalLauncher(LauncherOptions{NoCgroups: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := program("escape")
	s.RedirectInput = true
	s.CustomStreams = []string{"ctl"}
	p := run(t, s, Options{Launcher: l})
	killEscaped(t, p)
	in, _ := p.Input("stdin")
	wait(t, p.Exited(), "the exit")
	exited := time.Now()
	exit := end(t, p)
	if took := time.Since(exited); took < 500*time.Millisecond {
		t.Errorf("the streams ended %v after the exit: nothing held them", took)
	} else if took > drainTime+2*time.Second {
		t.Errorf("the streams ended %v after the exit", took)
	}
	if exit.ExitStatus != 5 {
		t.Errorf("got %+v", exit)
	}
	if got := output(t, p, "stdout"); !strings.HasPrefix(got, "escaped ") || !strings.HasSuffix(got, "\nlast words") {
		t.Errorf("got %q", got)
	}
	if _, _, err := in.Copy(t.Context(), strings.NewReader("x"), -1); !errors.Is(err, ErrInputClosed) {
		t.Errorf("writing to what has ended: %v", err)
	}
}

func TestPipesGrowInAFloodAndShrinkAfter(t *testing.T) {
	theirs, ours, err := outputPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	defer ours.Close()
	before := grown.Load()
	g := pipeGrower{resize: newReader(t.Context(), nil, ours, nil).resize}
	for range floodReads {
		g.flooded()
	}
	if got := pipeSize(t, ours); got != floodPipe || grown.Load() != before+1 {
		t.Errorf("flooded: it has %d bytes, %d are grown", got, grown.Load()-before)
	}
	g.shrink()
	if got := pipeSize(t, ours); got != calmPipe || grown.Load() != before {
		t.Errorf("calm: it has %d bytes, %d are grown", got, grown.Load()-before)
	}
	for range floodReads {
		g.flooded()
		g.calm()
	}
	if got := pipeSize(t, ours); got != calmPipe {
		t.Errorf("a read that emptied it in between: it has %d bytes", got)
	}

	grown.Store(maxGrown)
	defer grown.Store(before)
	for range floodReads {
		g.flooded()
	}
	if got := pipeSize(t, ours); got != calmPipe || grown.Load() != maxGrown {
		t.Errorf("one too many: it has %d bytes, %d are grown", got, grown.Load())
	}
}

// TestCustomStreamShutByTheChild holds that a child that says no more through a custom
// stream still hears what is written to it.
func TestCustomStreamShutByTheChild(t *testing.T) {
	s := program("half-close")
	s.CustomStreams = []string{"ctl"}
	p := run(t, s, Options{})
	wait(t, log(t, p, "ctl").Done(), "the end of ctl")
	in, err := p.Input("ctl")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := in.Copy(t.Context(), strings.NewReader("hello"), -1); err != nil {
		t.Error(err)
	}
	in.Close()
	end(t, p)
	if got := output(t, p, "stdout"); got != "hello" {
		t.Errorf("the child heard %q", got)
	}
}
