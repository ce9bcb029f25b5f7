package process

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gafferd/gaffer/streams"
)

func TestExit(t *testing.T) {
	for _, test := range []struct {
		about  string
		spec   Spec
		do     func(*Process)
		status int
		signal int
		reason string
	}{
		{"exits with 0", program("exit", "0"), nil, 0, 0, ReasonExited},
		{"exits with 7", program("exit", "7"), nil, 7, 0, ReasonExited},
		{"is sent a signal", program("hang"), func(p *Process) { p.Signal(syscall.SIGTERM) }, 0, 15, ReasonKilled},
		{"is killed", program("hang"), func(p *Process) { syscall.Kill(p.OSPid(), syscall.SIGKILL) }, 0, 9, ReasonKilled},
		{"is stopped", program("hang"), func(p *Process) { p.Stop("") }, 0, 15, ReasonStopped},
		{"is stopped for a reason", program("hang"), func(p *Process) { p.Stop("scaled down"); p.Stop("again") }, 0, 15, "scaled down"},
		{"is killed by us", program("hang"), func(p *Process) { p.Kill("in a hurry"); p.Kill("again") }, 0, 9, "in a hurry"},
		{"is killed while it stops", program("deaf"), func(p *Process) { p.Stop("scaled down"); p.Kill("in a hurry") }, 0, 9, "scaled down"},
	} {
		p := run(t, test.spec, Options{})
		if test.do != nil {
			saying(t, p, "stdout", "up")
			test.do(p)
		}
		exit := end(t, p)
		if exit.ExitStatus != test.status || exit.TermSignal != test.signal || exit.Reason != test.reason {
			t.Errorf("%s: got %+v", test.about, exit)
		}
		if exit.OSPid != p.OSPid() || exit.StartedAt != p.StartedAt() || exit.EndedAt.Before(exit.StartedAt) {
			t.Errorf("%s: got %+v", test.about, exit)
		}
		p.Stop("too late")
		p.Kill("too late")
		if p.Exit().Reason != test.reason || p.Remaining() != nil {
			t.Errorf("%s: a stop after the end changed it", test.about)
		}
		if err := p.Signal(syscall.SIGTERM); err == nil || !strings.Contains(err.Error(), "not running") {
			t.Errorf("%s: a signal after the end: %v", test.about, err)
		}
	}
}

func TestExitBeforeTheEndIsEmpty(t *testing.T) {
	p := run(t, program("hang"), Options{})
	if exit := p.Exit(); exit.OSPid != 0 {
		t.Errorf("got %+v", exit)
	}
}

func TestExitHasTheLastLinesOfStderr(t *testing.T) {
	numbers := "seq -f 'line %g' 1 30; printf 'the\rend'"
	last := make([]string, 0, 20)
	for _, line := range strings.Split("13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30", " ") {
		last = append(last, "line "+line)
	}
	last = append(last, "the", "end")
	for about, test := range map[string]struct {
		cmd    string
		labels []string
		want   []string
	}{
		"its own stream":  {"echo other; (" + numbers + ") >&2", []string{"stdout", "stderr"}, last},
		"merged":          {numbers, []string{"all", "all"}, last},
		"discarded":       {numbers + " >&2", []string{"stdout"}, nil},
		"not redirected":  {numbers + " >&2", nil, nil},
		"nothing written": {"echo other", []string{"stdout", "stderr"}, nil},
	} {
		s := NewSpec("test", test.cmd)
		s.Shell, s.RedirectOutput = true, test.labels
		if got := end(t, run(t, s, Options{})).Stderr; !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", about, got, test.want)
		}
	}
}

func TestLastLinesAreBounded(t *testing.T) {
	s := NewSpec("test", "head -c 1000000 /dev/zero | tr '\\0' x >&2")
	s.Shell = true
	got := end(t, run(t, s, Options{})).Stderr
	if len(got) != 1 || len(got[0]) != lastLineBytes {
		t.Errorf("got %d lines of %d bytes", len(got), len(strings.Join(got, "")))
	}
}

// remains is an Archive that has some of a stream.
type remains []streams.Chunk

func (r remains) Start() int64                                 { return r[0].Offset }
func (r remains) End() int64                                   { return behind(r[len(r)-1]) }
func (r remains) Last() streams.Mark                           { return streams.Mark{Offset: r.End(), Number: 1} }
func (r remains) Search(func(streams.Mark) bool) (int64, bool) { return 0, false }

func (r remains) Read(at int64) (streams.Chunk, bool, error) {
	for _, c := range r {
		if at < behind(c) {
			from := max(at, c.Offset)
			marks := []streams.Mark{{Offset: from, Number: 1}}
			return streams.Chunk{Offset: from, Data: c.Data[from-c.Offset:], Missed: from - at, Marks: marks}, true, nil
		}
	}
	return streams.Chunk{}, false, nil
}

func behind(c streams.Chunk) int64 { return c.Offset + int64(len(c.Data)) }

// The last lines are those on both sides of what is missing.
func TestLastLinesOverAGap(t *testing.T) {
	log := streams.Archived(remains{{Offset: 0, Data: []byte("one\ntwo\nth")}, {Offset: 100, Data: []byte("four\nfive\n")}})
	if got, want := LastLines(log), []string{"one", "two", "th", "four", "five"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSplitLines(t *testing.T) {
	for in, want := range map[string][]string{
		"":             nil,
		"a":            {"a"},
		"a\n":          {"a"},
		"a\r\nb\rc\nd": {"a", "b", "c", "d"},
		"\n\n":         {"", ""},
		"a\xffb":       {"a\uFFFDb"},
	} {
		if got := splitLines([]byte(in)); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
