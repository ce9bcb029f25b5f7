package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gafferd/gaffer/internal/systemd"
	"github.com/gafferd/gaffer/manager"
)

const (
	// statusPause is the least time between two changes of what systemctl
	// status shows.
	statusPause = time.Second

	// stopMargin is what the end may take beyond the stopping of processes: for
	// those that were killed, for readers of the last output, for the disk.
	stopMargin = 30 * time.Second
)

// service is the daemon as systemd knows it: what it was given, and whom to
// tell how it is doing. What cannot be told is logged and does no harm.
type service struct {
	sockets []systemd.Socket
	log     *slog.Logger

	notifier *systemd.Notifier

	mu     sync.Mutex // guards what follows, and the order in which states are told
	prefix string     // of the state, once it is a special one
	said   string     // the state as systemd knows it; empty: it has not heard of any
}

func newService(w *worker, log *slog.Logger) (*service, error) {
	sockets, err := w.sockets()
	if err != nil {
		return nil, err
	}
	notifier, err := w.notifier()
	s := &service{sockets: sockets, log: log, notifier: notifier}
	s.told(err)
	return s, nil
}

func (s *service) ready(m *manager.Manager) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = summary(m)
	s.told(s.notifier.Ready(s.said))
}

// reloading has to be followed by ready.
func (s *service) reloading() { s.told(s.notifier.Reloading()) }

// stopping asks for as much time as the processes have been promised, whatever
// the unit's TimeoutStopSec= says.
func (s *service) stopping(m *manager.Manager) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prefix = "Stopping. "
	s.said = s.prefix + summary(m)
	s.told(s.notifier.Stopping(s.said, stopTime(m)+stopMargin))
}

// update tells systemd of the state if that is another than it knows. Before it has
// been told that all is there, it is told nothing.
func (s *service) update(m *manager.Manager) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.prefix + summary(m); s.said != "" && now != s.said {
		s.said = now
		s.told(s.notifier.Status(now))
	}
}

// report tells of changes, and that the daemon is well, until ctx ends.
func (s *service) report(ctx context.Context, m *manager.Manager) error {
	if !s.notifier.Heard() {
		return nil
	}
	following := begin(func(ctx context.Context) error { return s.follow(ctx, m) })
	// A daemon that has got stuck asks the manager in vain.
	s.told(s.notifier.Feed(ctx, func() { summary(m) }))
	<-ctx.Done()
	return following.stop()
}

// follow keeps the status line current.
func (s *service) follow(ctx context.Context, m *manager.Manager) error {
	for {
		seen := m.Events().Last()
		s.update(m)
		if _, _, err := m.Events().Subscribe(manager.Pattern{}, seen).Next(ctx, 0); err != nil {
			return nil // ctx has ended, or the manager
		}
		select {
		case <-time.After(statusPause): // there is more to come, mostly
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *service) told(err error) {
	if err != nil {
		s.log.Warn("systemd", "error", err)
	}
}

// summary is the state of everything in one line.
func summary(m *manager.Manager) string {
	running, wanted := 0, 0
	for _, name := range m.Names() {
		st, err := m.Status(name)
		if err != nil {
			continue // just deleted
		}
		running += st.Running
		if st.Active {
			wanted += st.NumProcesses
		}
	}
	if wanted == running {
		return fmt.Sprintf("Instances: %d running", running)
	}
	return fmt.Sprintf("Instances: %d running, %d wanted", running, wanted)
}

// stopTime is how long stopping gracefully may take: those of one priority stop
// together, one priority after the other.
func stopTime(m *manager.Manager) time.Duration {
	longest := map[string]time.Duration{}
	for _, name := range m.Names() {
		t, err := m.Template(name)
		if err != nil {
			continue // just deleted
		}
		batch := "none"
		if t.Priority != nil {
			batch = fmt.Sprint(*t.Priority)
		}
		longest[batch] = max(longest[batch], t.GracefulTimeout)
	}
	var sum time.Duration
	for _, d := range longest {
		sum += d
	}
	return sum
}
