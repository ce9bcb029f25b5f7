package manager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gafferd/gaffer/streams"
)

func pattern(t *testing.T, parts ...string) Pattern {
	t.Helper()
	p, err := ParsePattern(parts...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// drain is what c has now, as "seq:event".
func drain(c *EventCursor) (events []string, missed uint64) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		ev, m, err := c.Next(ctx, 0)
		if err != nil {
			return events, missed
		}
		missed += m
		events = append(events, fmt.Sprintf("%d:%s", ev.Seq, ev.Event))
	}
}

func TestPatterns(t *testing.T) {
	var e Events
	e.publish(Event{Type: "spawn", Name: "web"})
	e.publish(Event{Type: "exit", Name: "web"})
	e.publish(Event{Type: "exit", Name: "a.b"})
	e.publish(Event{Type: "exit", Name: "a:b"})
	for _, test := range []struct{ path, want string }{
		{"", "1:spawn 2:proc.web.spawn 3:exit 4:proc.web.exit 5:exit 6:proc.a.b.exit 7:exit 8:proc.a:b.exit"},
		{"exit", "3:exit 5:exit 7:exit"},
		{"spawn", "1:spawn"},
		{"flap", ""},
		{"proc", "2:proc.web.spawn 4:proc.web.exit 6:proc.a.b.exit 8:proc.a:b.exit"},
		{"proc/web", "2:proc.web.spawn 4:proc.web.exit"},
		{"proc/web/exit", "4:proc.web.exit"},
		{"proc/a.b", "6:proc.a.b.exit"},
		{"proc/a:b/exit", "8:proc.a:b.exit"},
		{"proc/a", ""},
	} {
		var parts []string
		if test.path != "" {
			parts = strings.Split(test.path, "/")
		}
		got, _ := drain(e.Subscribe(pattern(t, parts...), 0))
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %v, want %s", test.path, got, test.want)
		}
	}
	for _, path := range []string{"exits", "exit/web", "proc/web/exits", "proc/web/exit/1", "proc//exit", "", "web", "."} {
		if _, err := ParsePattern(strings.Split(path, "/")...); !errors.Is(err, ErrBadEvent) {
			t.Errorf("%q: %v", path, err)
		}
	}
	for path, want := range map[string]string{
		"exits":          `no such event: "exits", the nearest is "exit"`,
		"proc/web/exits": `no such event: "exits", the nearest is "exit"`,
		"web/exit":       `no such event: "web/exit": write EVENT, proc/NAME or proc/NAME/EVENT`,
		"exit/web":       `no such event: "exit/web": write EVENT, proc/NAME or proc/NAME/EVENT`,
		"proc//exit":     `no such event: "proc//exit": write EVENT, proc/NAME or proc/NAME/EVENT`,
	} {
		if _, err := ParsePattern(strings.Split(path, "/")...); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", path, err, want)
		}
	}
}

func TestEventsResume(t *testing.T) {
	var e Events
	for i := range happenings + 10 {
		e.publish(Event{Type: "exit", Name: "web", PID: i + 1})
	}
	if last := e.Last(); last != 2*(happenings+10) {
		t.Fatalf("last is %d", last)
	}
	for _, test := range []struct{ since, first, missed uint64 }{
		{0, 21, 20},
		{5, 21, 15},
		{19, 21, 1},
		{20, 21, 0},
		{21, 22, 0},
		{10_000, 10_001, 0},
		{1 << 60, 21, 20}, // of another life
	} {
		ev, missed, err := e.Subscribe(Pattern{}, test.since).Next(t.Context(), 0)
		if err != nil || ev.Seq != test.first || missed != test.missed || ev.PID != int(test.first+1)/2 {
			t.Errorf("since %d: %+v, missed %d, %v; want %d, missed %d", test.since, ev, missed, err, test.first, test.missed)
		}
	}
	all, missed := drain(e.Subscribe(Pattern{}, 0))
	if len(all) != 2*happenings || missed != 20 {
		t.Errorf("kept %d, missed %d", len(all), missed)
	}
}

// What was missed is told with the next event, also when a cursor looked in
// vain in between, and once.
func TestEventsMissedIsToldOnce(t *testing.T) {
	var e Events
	c := e.Subscribe(pattern(t, "flap"), 0)
	for range happenings + 1 {
		e.publish(Event{Type: "exit", Name: "web"})
	}
	if got, _ := drain(c); got != nil {
		t.Fatalf("got %v", got)
	}
	e.publish(Event{Type: "flap", Name: "web"})
	e.publish(Event{Type: "flap", Name: "web"})
	if ev, missed, err := c.Next(t.Context(), 0); err != nil || missed != 2 || ev.Type != "flap" {
		t.Errorf("%+v, missed %d, %v", ev, missed, err)
	}
	if ev, missed, err := c.Next(t.Context(), 0); err != nil || missed != 0 || ev.Type != "flap" {
		t.Errorf("%+v, missed %d, %v", ev, missed, err)
	}
}

func TestEventCursorWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e Events
		got := make(chan string)
		for range 3 {
			go func() {
				ev, _, err := e.Subscribe(pattern(t, "exit"), e.Last()).Next(t.Context(), 0)
				got <- fmt.Sprint(ev.Event, err)
			}()
		}
		synctest.Wait()
		e.publish(Event{Type: "spawn", Name: "web"}) // wakes them in vain
		synctest.Wait()
		select {
		case s := <-got:
			t.Fatalf("got %s", s)
		default:
		}
		e.publish(Event{Type: "exit", Name: "web"})
		for range 3 {
			if s := <-got; s != "exit<nil>" {
				t.Error(s)
			}
		}

		start := time.Now()
		c := e.Subscribe(Pattern{}, e.Last())
		if _, _, err := c.Next(t.Context(), time.Minute); err != streams.ErrIdle || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if _, _, err := c.Next(ctx, 0); err != cause {
			t.Errorf("%v, want %v", err, cause)
		}
		e.close()
		if _, _, err := c.Next(t.Context(), 0); err != io.EOF {
			t.Errorf("%v, want %v", err, io.EOF)
		}
		if ev, _, err := e.Subscribe(Pattern{}, 0).Next(t.Context(), 0); err != nil || ev.Event != "spawn" {
			t.Errorf("a closed one still has what there was: %+v, %v", ev, err)
		}
	})
}

// A subscriber costs nothing while it is only there.
func TestEventSubscribersAreFree(t *testing.T) {
	var e Events
	for range 100 {
		e.Subscribe(Pattern{}, 0)
	}
	e.ring = make([]Event, happenings)
	e.count = happenings
	if n := testing.AllocsPerRun(100, func() { e.publish(Event{Type: "exit", Name: "web"}) }); n != 0 {
		t.Errorf("publishing allocates %v times", n)
	}
}

func TestParseDottedPattern(t *testing.T) {
	for text, parts := range map[string][]string{
		".": nil, "exit": {"exit"}, "proc": {"proc"}, "proc.web": {"proc", "web"},
		"proc.web.exit": {"proc", "web", "exit"}, "proc.shop:web.v2.exit": {"proc", "shop:web.v2", "exit"},
		"proc.web.v2": {"proc", "web.v2"}, "proc.exit": {"proc", "exit"},
	} {
		want, err := ParsePattern(parts...)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseDottedPattern(text); err != nil || got != want {
			t.Errorf("%q is %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "..", "exti", "proc.", "proc..exit", "web.exit"} {
		if _, err := ParseDottedPattern(text); !errors.Is(err, ErrBadEvent) {
			t.Errorf("%q: %v, want ErrBadEvent", text, err)
		}
	}
}
