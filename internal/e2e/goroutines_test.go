package e2e

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/gafferd/gaffer/httpapi"
	"github.com/gafferd/gaffer/manager"
)

// TestNoGoroutineIsLeft counts what cannot be seen from outside, in a manager
// and a server within this process: after 10,000 lives and 10,000 subscribers,
// and after both were shut down.
func TestNoGoroutineIsLeft(t *testing.T) {
	heavy(t)
	start := runtime.NumGoroutine()
	quiet := slog.New(slog.DiscardHandler)
	m := manager.New(manager.Options{Logger: quiet})
	api := httpapi.New(m, httpapi.Options{Logger: quiet})
	server := httptest.NewUnstartedServer(api.Handler())
	server.Config.ConnContext = api.ConnContext
	server.Start()
	d := &daemon{t: t, url: server.URL}
	pid := d.run("subscribed", script("echo ready; exec sleep 1000", nil))

	round := func(n int) {
		t.Run("", func(t *testing.T) { // its end closes the feeds that it opened
			d := &daemon{t: t, url: server.URL}
			live(d, n)
			subscribe(t, d, pid, n)
		})
		http.DefaultClient.CloseIdleConnections()
	}
	round(100)
	before := runtime.NumGoroutine()
	round(10_000)
	expectGoroutines(t, before+5) // net/http's own come and go

	if err := m.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	server.Close()
	expectGoroutines(t, start)
}

// keptThreads are the goroutines that package spawn keeps for the next child, of
// which there are a few at most.
func keptThreads() int {
	buf := make([]byte, 1<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "\ngithub.com/gafferd/gaffer/process/spawn.newThread.func1(")
}

// expectGoroutines waits until there are no more than n of them, but for
// keptThreads.
func expectGoroutines(t *testing.T, n int) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for runtime.NumGoroutine()-keptThreads() > n {
		if time.Now().After(deadline) {
			var stacks strings.Builder
			_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
			t.Fatalf("%d goroutines, want %d\n%s", runtime.NumGoroutine(), n, stacks.String())
		}
		<-time.After(10 * time.Millisecond)
	}
}
