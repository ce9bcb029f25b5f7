package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/internal/plainjson"
	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

// measure is what one request for stats measures.
type measure func(ctx context.Context) (any, error)

func (s *Server) allStats(w http.ResponseWriter, r *http.Request) error {
	v := visitorOf(r)
	return s.sendStats(w, r, func(ctx context.Context) (any, error) {
		objects := []object{}
		for _, name := range v.among(s.manager.Names()) {
			all, err := s.manager.Stats(ctx, name)
			if errors.Is(err, manager.ErrNotFound) {
				continue // deleted just now
			}
			if err != nil {
				return nil, err
			}
			objects = append(objects, statsObject(name, all, v))
		}
		return objects, nil
	})
}

func (s *Server) processStats(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["name"]
	return s.sendStats(w, r, func(ctx context.Context) (any, error) {
		all, err := s.manager.Stats(ctx, name)
		if err != nil {
			return nil, err
		}
		return statsObject(name, all, visitorOf(r)), nil
	})
}

func (s *Server) instanceStats(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["name"]
	pid, err := pidOf(r)
	if err != nil {
		return err
	}
	return s.sendStats(w, r, func(ctx context.Context) (any, error) {
		one, err := s.statsOf(ctx, name, pid)
		if err != nil {
			return nil, err
		}
		return usageObject(pid, one.Stats, visitorOf(r).hidden(one.Env)), nil
	})
}

// statsOf measures one instance of a process, and no other: what the next measurement
// tells of an instance's CPU is since the one before, whoever has asked for that.
func (s *Server) statsOf(ctx context.Context, name string, pid int) (manager.InstanceStats, error) {
	instances, err := s.manager.InstancesOf(name)
	if err != nil {
		return manager.InstanceStats{}, err
	}
	if slices.ContainsFunc(instances, func(i manager.Instance) bool { return i.PID == pid }) {
		one, err := s.manager.StatsOf(ctx, pid)
		if !errors.Is(err, manager.ErrNotFound) && !errors.Is(err, process.ErrNotRunning) {
			return one, err
		}
	}
	return manager.InstanceStats{}, fmt.Errorf("pid %d of %s: %w", pid, name, manager.ErrNotFound)
}

// sendStats answers with one measurement, or as a feed with one after the
// other until what is measured is no more.
func (s *Server) sendStats(w http.ResponseWriter, r *http.Request, next measure) error {
	q := queryOf(r)
	feed := q.text("feed")
	interval, ok := q.seconds("interval", 100*time.Millisecond)
	if !ok {
		interval = time.Second
	}
	if q.err != nil {
		return q.err
	}
	if feed != "" {
		done, err := s.lasting.hold(r)
		if err != nil {
			return err
		}
		defer done()
	}
	first, err := next(r.Context())
	if err != nil {
		return err
	}
	switch feed {
	case "":
		return writeJSON(w, first)
	case feedContinuous:
		return s.repeatStats(w, r, "application/json", first, next, interval, func(text []byte) []byte {
			return append(text, '\n')
		})
	case feedEventsource:
		return s.repeatStats(w, r, sseType, first, next, interval, func(text []byte) []byte {
			return sseEvent(nil).field("event", "stats").data(text).end()
		})
	}
	return badFeed(feed, feedContinuous, feedEventsource)
}

func (s *Server) repeatStats(w http.ResponseWriter, r *http.Request, contentType string, v any, next measure, interval time.Duration, frame func([]byte) []byte) error {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", contentType)
		return nil
	}
	ctx := r.Context()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	f := s.startFeed(w, r, contentType)
	for {
		text, err := plainjson.Marshal(v)
		if err != nil {
			panic(err) // strings and numbers always marshal
		}
		f.send(frame(text))
		select {
		case <-ticker.C:
		case <-ending(ctx):
			f.breakOff(endingContext(ctx))
		case <-ctx.Done():
			panic(http.ErrAbortHandler)
		}
		v, err = next(ctx)
		switch {
		case ctx.Err() != nil:
			panic(http.ErrAbortHandler)
		case errors.Is(err, manager.ErrNotFound):
			f.end()
			return nil
		case err != nil:
			panic(http.ErrAbortHandler)
		}
	}
}
