package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/badlink"
)

func exits(from, to int) (events []string) {
	for seq := from; seq <= to; seq++ {
		events = append(events, fmt.Sprintf(`{"event": "exit", "name": "web", "pid": %d, "seq": %d}`, seq, seq))
	}
	return events
}

func TestWatchGoesOnWhereItWasCut(t *testing.T) {
	d := &daemon{}
	proxy := badlink.NewCutter(t, serve(t, d), 3000)
	c := connect(t, proxy.Address)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, data := range exits(1, 500) {
			d.change(func() { d.events = append(d.events, data) })
		}
	}()
	seen := 0
	for seen < 500 {
		for ev, err := range c.Watch(t.Context(), "", client.WatchOptions{}) {
			if errors.Is(err, client.ErrUnreachable) && seen == 0 {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if ev.PID != seen+1 {
				t.Fatalf("got event %+v after event %d", ev, seen)
			}
			if seen = ev.PID; seen == 500 {
				break
			}
		}
	}
	<-done
	if proxy.Cuts.Load() < 5 {
		t.Errorf("only %d cuts: this test has shown nothing", proxy.Cuts.Load())
	}
}

func TestWatchResumesBeforeItsFirstEvent(t *testing.T) {
	d := &daemon{events: exits(1, 3)}
	s := httptest.NewServer(d)
	defer s.Close()
	ready := 0
	options := client.WatchOptions{Since: client.Latest, Ready: func() {
		if ready++; ready == 1 { // what comes while the connection is broken
			d.change(func() { d.events = append(d.events, exits(4, 4)...) })
			s.CloseClientConnections()
		}
	}}
	for ev, err := range connect(t, s.URL).Watch(t.Context(), "exit", options) {
		if err != nil || ev.PID != 4 {
			t.Errorf("got %+v, %v, want event 4", ev, err)
		}
		break
	}
}

// A feed that breaks is not told of as a daemon that is not there.
func TestWatchTellsOfALostConnection(t *testing.T) {
	answers := 0
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answers++; answers > 1 {
			refuse(w, http.StatusForbidden, "forbidden", "enough")
			return
		}
		fmt.Fprint(w, ":\r\n\r\n")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	var lost []error
	c := connect(t, address, client.WithRetryHook(func(err error, _ time.Duration) { lost = append(lost, err) }))
	for _, err := range c.Watch(t.Context(), "", client.WatchOptions{}) {
		if client.Code(err) != "forbidden" {
			t.Error(err)
		}
	}
	if len(lost) != 1 || !errors.Is(lost[0], client.ErrUnreachable) || lost[0].Error() != "the connection to gafferd at "+address+" broke" {
		t.Errorf("told %v", lost)
	}
}

func TestWatchTellsWhatItMissed(t *testing.T) {
	c := connect(t, serve(t, &daemon{events: exits(1, 5), oldest: 3}))
	var got []client.Event
	for ev, err := range c.Watch(t.Context(), "proc/web", client.WatchOptions{Since: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, ev); len(got) == 3 {
			break
		}
	}
	if got[0].Event != "gap" || got[0].Missed != 2 || got[1].PID != 4 || got[2].PID != 5 {
		t.Errorf("got %+v, want a gap of 2 and events 4 and 5", got)
	}
}

func TestWatchNoticesAnotherDaemon(t *testing.T) {
	var present atomic.Pointer[daemon]
	present.Store(&daemon{events: exits(1, 9)})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { present.Load().ServeHTTP(w, r) }))
	defer s.Close()
	var got []string
	for ev, err := range connect(t, s.URL).Watch(t.Context(), "", client.WatchOptions{Since: 8}) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, fmt.Sprint(ev.Event, ev.PID)); ev.PID == 9 {
			present.Store(&daemon{events: exits(1, 2)})
			s.CloseClientConnections()
		}
		if ev.PID == 2 {
			break
		}
	}
	if want := "[exit9 gap0 exit1 exit2]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
