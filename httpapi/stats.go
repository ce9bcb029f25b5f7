package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

// unreadable stands in gaffer's keys for what may not be read; ours are null.
const unreadable = "N/A"

// measured is a number that may not have been readable.
type measured struct {
	value float64
	ok    bool
}

// MarshalJSON implements json.Marshaler.
func (m measured) MarshalJSON() ([]byte, error) {
	if !m.ok {
		return json.Marshal(unreadable)
	}
	return json.Marshal(m.value)
}

// usageObject is one entry of the stats, with gaffer's keys and then ours. id
// is 0 for a child of an instance.
func usageObject(id int, st process.Stats) object {
	can := func(what string) bool { return !slices.Contains(st.Unreadable, what) }
	gaffers := func(what string, v any) any {
		if !can(what) {
			return unreadable
		}
		return v
	}
	ours := func(what string, v any) any {
		if !can(what) {
			return nil
		}
		return v
	}
	children := []object{}
	for _, child := range st.Children {
		children = append(children, usageObject(0, child))
	}
	var o object
	if id > 0 {
		o = o.with("id", id)
	}
	return append(o, object{
		{Name: "pid", Value: st.PID},
		{Name: "cpu", Value: measured{round(st.CPU), can("CPU")}},
		{Name: "mem", Value: measured{round(float64(st.Mem)), can("Mem")}},
		{Name: "mem_info1", Value: gaffers("RSS", humanBytes(st.RSS))},
		{Name: "mem_info2", Value: gaffers("VMS", humanBytes(st.VMS))},
		{Name: "ctime", Value: gaffers("CPUSeconds", humanTime(st.CPUSeconds))},
		{Name: "username", Value: gaffers("Username", st.Username)},
		{Name: "nice", Value: gaffers("Nice", st.Nice)},
		{Name: "cmdline", Value: gaffers("Cmdline", st.Cmdline)},
		{Name: "children", Value: children},
		{Name: "rss", Value: ours("RSS", st.RSS)},
		{Name: "vms", Value: ours("VMS", st.VMS)},
		{Name: "cpu_seconds", Value: ours("CPUSeconds", st.CPUSeconds)},
		{Name: "num_fds", Value: ours("NumFDs", st.NumFDs)},
		{Name: "num_threads", Value: ours("NumThreads", st.NumThreads)},
	}...)
}

// statsObject is what a process uses: its instances, and in all. What could not
// be read of one instance is not known of all.
func statsObject(name string, all []manager.InstanceStats) object {
	entries := []object{}
	var cpu, mem []measured
	for _, one := range all {
		entries = append(entries, usageObject(one.PID, one.Stats))
		cpu = append(cpu, measured{one.CPU, !slices.Contains(one.Unreadable, "CPU")})
		mem = append(mem, measured{float64(one.Mem), !slices.Contains(one.Unreadable, "Mem")})
	}
	o := object{{Name: "name", Value: name}, {Name: "stats", Value: entries}}
	for _, of := range []struct {
		key    string
		values []measured
	}{{"cpu", cpu}, {"mem", mem}} {
		sum, most, least := aggregate(of.values)
		o = o.with(of.key, sum).with("max_"+of.key, most).with("min_"+of.key, least)
	}
	return o
}

func aggregate(values []measured) (sum, most, least measured) {
	sum.ok = true
	for i, v := range values {
		if !v.ok {
			return measured{}, measured{}, measured{}
		}
		sum.value += v.value
		if i == 0 {
			most.value, least.value = v.value, v.value
		}
		most.value, least.value = max(most.value, v.value), min(least.value, v.value)
	}
	sum.value, most.value, least.value = round(sum.value), round(most.value), round(least.value)
	most.ok, least.ok = true, true
	return sum, most, least
}

func round(v float64) float64 { return math.Round(v*10) / 10 }

// humanBytes is a size as gaffer wrote it: 512B, 9M.
func humanBytes(n uint64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatUint(n, 10) + "B"
	}
	unit := 0
	for n >>= 10; n >= 1024 && unit < len(units)-1; n >>= 10 {
		unit++
	}
	return strconv.FormatUint(n, 10) + units[unit:unit+1]
}

// humanTime is a processor time as gaffer wrote it, minutes:seconds.hundredths.
func humanTime(seconds float64) string {
	hundredths := int64(seconds * 100)
	return fmt.Sprintf("%d:%02d.%02d", hundredths/6000, hundredths/100%60, hundredths%100)
}

// measure is what one request for stats measures.
type measure func(ctx context.Context) (any, error)

func (s *Server) allStats(w http.ResponseWriter, r *http.Request) error {
	return s.sendStats(w, r, func(ctx context.Context) (any, error) {
		objects := []object{}
		for _, name := range s.manager.Names() {
			all, err := s.manager.Stats(ctx, name)
			if errors.Is(err, manager.ErrNotFound) {
				continue // deleted just now
			}
			if err != nil {
				return nil, err
			}
			objects = append(objects, statsObject(name, all))
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
		return statsObject(name, all), nil
	})
}

func (s *Server) instanceStats(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["name"]
	pid, err := pidOf(r)
	if err != nil {
		return err
	}
	return s.sendStats(w, r, func(ctx context.Context) (any, error) {
		all, err := s.manager.Stats(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, one := range all {
			if one.PID == pid {
				return usageObject(pid, one.Stats), nil
			}
		}
		return nil, fmt.Errorf("pid %d of %s: %w", pid, name, manager.ErrNotFound)
	})
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
	f := s.startFeed(w, contentType)
	for {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // strings and numbers always marshal
		}
		f.send(frame(text))
		select {
		case <-ticker.C:
		case <-ending(ctx):
			panic(http.ErrAbortHandler)
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
