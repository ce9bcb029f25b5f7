package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gafferd/gaffer/manager"
)

const patience = 20 * time.Second

// delivery is what a receiver has got.
type delivery struct {
	Event, Name string
	Seq         uint64
	Missed      uint64
	header      http.Header
	body        string
}

// receiver is the other side of hooks: a handler, and a RoundTripper for bubbles
// in which there are no sockets.
type receiver struct {
	answer func(d delivery) int // nil: 204; 0 breaks the connection off; is not called concurrently

	mu   sync.Mutex // guards everything below
	got  []delivery // that were answered with success
	more chan struct{}
}

func newReceiver(answer func(delivery) int) *receiver {
	return &receiver{answer: answer, more: make(chan struct{})}
}

func (rv *receiver) take(r *http.Request) int {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return 0
	}
	d := delivery{header: r.Header, body: string(body)}
	if err := json.Unmarshal(body, &d); err != nil {
		return http.StatusBadRequest
	}
	rv.mu.Lock()
	defer rv.mu.Unlock()
	status := http.StatusNoContent
	if rv.answer != nil {
		status = rv.answer(d)
	}
	if status/100 == 2 {
		rv.got = append(rv.got, d)
		close(rv.more)
		rv.more = make(chan struct{})
	}
	return status
}

func (rv *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := rv.take(r)
	if status == 0 {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(status)
}

func (rv *receiver) RoundTrip(r *http.Request) (*http.Response, error) {
	status := rv.take(r)
	if status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// received is what has come so far.
func (rv *receiver) received() []delivery {
	rv.mu.Lock()
	defer rv.mu.Unlock()
	return append([]delivery{}, rv.got...)
}

// wait waits for n deliveries.
func (rv *receiver) wait(t *testing.T, n int) []delivery {
	t.Helper()
	timeout := time.After(patience)
	for {
		rv.mu.Lock()
		got, more := len(rv.got), rv.more
		rv.mu.Unlock()
		if got >= n {
			return rv.received()
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("%d deliveries, want %d", got, n)
		}
	}
}

// checkOrder holds that the numbers of each process only rise, and so that nothing
// came twice.
func checkOrder(t *testing.T, got []delivery) {
	t.Helper()
	last := map[string]uint64{}
	for _, d := range got {
		if d.Event != "gap" && d.Seq <= last[d.Name] {
			t.Fatalf("%s has event %d after %d", d.Name, d.Seq, last[d.Name])
		}
		last[d.Name] = d.Seq
	}
}

// started are webhooks of a fresh manager, with times of a test's own.
func started(t *testing.T, o Options, change func(*timing)) (*Webhooks, *manager.Manager) {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	w := New(o)
	if change != nil {
		change(&w.sender.timing)
	}
	m := manager.New(manager.Options{})
	if err := m.StartApps(w); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, m) })
	return w, m
}

func shutdown(t *testing.T, m *manager.Manager) {
	t.Helper()
	if err := m.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// happen makes n events of each of some processes, in turn, without running
// anything: one to create it, and then updates.
func happen(t *testing.T, m *manager.Manager, n int, names ...string) {
	t.Helper()
	for i := range n {
		for _, name := range names {
			p := manager.NewTemplate(name, "true")
			p.Start = false
			_, err := m.Create(p)
			if err != nil {
				p.Env = map[string]string{"N": fmt.Sprintf("%s %d", t.Name(), i)}
				_, err = m.Update(name, p)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func folder(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// only is the one hook that there is.
func only(t *testing.T, w *Webhooks) Status {
	t.Helper()
	list := w.List()
	if len(list) != 1 {
		t.Fatalf("there are %d webhooks, want 1", len(list))
	}
	return list[0]
}

// logged is where a test's log goes.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
