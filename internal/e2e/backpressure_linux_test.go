package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gafferd/gaffer/httpapi/client"
)

// TestBackpressureIsReplaced has a process wait for a reader that has stalled,
// when the worker is replaced. The reader comes again and has missed nothing.
func TestBackpressureIsReplaced(t *testing.T) {
	onReplacement(t, func(t *testing.T, replace func(*daemon)) {
		d := start(t)
		const size = 64 << 20
		flood := child("flood", map[string]string{"BYTES": fmt.Sprint(size)}, properties{"backpressure": true, "redirect_input": true})
		flood["cmd"], flood["args"] = "bash", []string{"-c", "echo up; exec " + flood["cmd"].(string)}
		pid := d.run("flood", flood)
		ctx, cancel := context.WithTimeout(context.Background(), 2*limit)
		defer cancel()
		const up = "up\n"
		got, want := int64(0), io.MultiReader(strings.NewReader(up), noise(size))
		piece := make([]byte, 1<<20)
		stalls := []int64{1 << 20, 24 << 20}
		for chunk, err := range d.client().Stream(ctx, pid, "stdout", client.StreamOptions{}) {
			if err != nil || chunk.Missed > 0 {
				t.Fatalf("after %d bytes: %v, %d missed", got, err, chunk.Missed)
			}
			for data := chunk.Data; len(data) > 0; {
				n := min(len(data), len(piece))
				if _, err := io.ReadFull(want, piece[:n]); err != nil || !bytes.Equal(piece[:n], data[:n]) {
					t.Fatalf("other bytes come near %d, %v", got, err)
				}
				got, data = got+int64(n), data[n:]
			}
			if got == int64(len(up)) {
				d.input(pid, "go\n") // there is a reader
			}
			if len(stalls) > 0 && got >= stalls[0] {
				stalls = stalls[1:]
				waitFor(t, "the process waits", func() bool { return d.blocked("flood") })
				replace(d)
				waitFor(t, "the process waits again", func() bool { return d.blocked("flood") })
			}
		}
		if got != int64(len(up))+size {
			t.Errorf("%d bytes came, want %d", got, len(up)+size)
		}
	})
}

// blocked reports whether a process waits for a pipe to be read.
func (d *daemon) blocked(name string) bool {
	for _, pid := range marked("E2E_MARK="+d.mark, "GAFFER_NAME="+name) {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/wchan", pid))
		for _, file := range threads {
			if text, _ := os.ReadFile(file); strings.Contains(string(text), "pipe_w") {
				return true
			}
		}
	}
	return false
}

// returning reads a stream, and comes again where it was when it is cut off. An error
// says what is wrong with what it got.
type returning struct {
	d    *daemon
	path string // with a query

	// next reads on from body, and moves at. ok is false when there is nothing more.
	next func(r *returning) (ok bool, err error)

	at     atomic.Int64 // what is before was read
	opened atomic.Int64 // how often
	body   *bufio.Reader
}

// open begins where it was. It may have to be tried again.
func (r *returning) open() error {
	r.body = nil
	req, err := http.NewRequest("GET", fmt.Sprint(r.d.url, r.path, "&since=", r.at.Load()), nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return nil // cut off again
	}
	r.d.t.Cleanup(func() { resp.Body.Close() })
	if missed := resp.Header.Get("Gaffer-Missed"); missed != "" || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s at %d: %s, %q missed", r.path, r.at.Load(), resp.Status, missed)
	}
	r.body = bufio.NewReaderSize(resp.Body, 256<<10)
	r.opened.Add(1)
	return nil
}

// readTo reads up to an offset at least.
func (r *returning) readTo(offset int64) error {
	for end := time.Now().Add(2 * limit); r.at.Load() < offset; {
		if time.Now().After(end) {
			return fmt.Errorf("%s: nothing comes after %d", r.path, r.at.Load())
		}
		if r.body == nil {
			if err := r.open(); err != nil {
				return err
			}
			continue
		}
		ok, err := r.next(r)
		if err != nil {
			return fmt.Errorf("%s at %d: %w", r.path, r.at.Load(), err)
		}
		if !ok {
			r.body = nil
		}
	}
	return nil
}

// nextBytes are those of want.
func nextBytes(want io.Reader) func(*returning) (bool, error) {
	got, wanted := make([]byte, 256<<10), make([]byte, 256<<10)
	return func(r *returning) (bool, error) {
		n, err := r.body.Read(got)
		if _, err := io.ReadFull(want, wanted[:n]); err != nil || !bytes.Equal(got[:n], wanted[:n]) {
			return false, fmt.Errorf("other bytes come, %v", err)
		}
		r.at.Add(int64(n))
		return err == nil, nil
	}
}

// nextNumber reads events of lines that are "up" and then numbers from 1 on, of some
// width. A line whose end was long in coming is in several events.
func nextNumber(width int) func(*returning) (bool, error) {
	lines, text := 0, ""     // of the events before
	id, data := int64(0), "" // of this one
	return func(r *returning) (bool, error) {
		line, err := r.body.ReadString('\n')
		if err != nil {
			id, data = 0, ""
			return false, nil // what was not completed does not count
		}
		switch field, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ": "); field {
		case "event":
			if value != "stdout" {
				return false, fmt.Errorf("%s after line %d", value, lines)
			}
		case "data":
			data = value
		case "id":
			id, err = strconv.ParseInt(value, 10, 64)
			return err == nil, err
		case "":
			if id == 0 {
				break
			}
			r.at.Store(id)
			text, data = text+data, ""
			end, want := int64(len("up\n")+lines*(width+1)), fmt.Sprintf("%0*d", width, lines)
			if lines == 0 {
				want = "up"
			}
			if id > end || id == end && text != want {
				return false, fmt.Errorf("%q comes as line %d, up to %d", text, lines, id)
			}
			if id == end {
				lines, text = lines+1, ""
			}
			id = 0
		}
		return true, nil
	}
}

// TestReadersComeAgainLate has three readers of a process that waits for them all,
// when the worker is replaced. One of them comes again when the others have been
// given as much as can be without it. None misses anything.
func TestReadersComeAgainLate(t *testing.T) {
	const up = "up\n"
	begin := func(t *testing.T, flood, path string, next func() func(*returning) (bool, error)) (d *daemon, pid int, readers []*returning) {
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		d = start(t)
		pid = d.run("flood", script("echo up; read go; "+flood, properties{
			"backpressure": true, "redirect_input": true, "restart": "never", "env": map[string]string{"PROGRAM": program},
		}))
		for range 3 {
			r := &returning{d: d, path: fmt.Sprintf(path, pid), next: next()}
			if err := r.readTo(int64(len(up))); err != nil {
				t.Fatal(err)
			}
			readers = append(readers, r)
		}
		return d, pid, readers
	}
	finish := func(t *testing.T, readers []*returning, size int64) {
		done := make(chan error, len(readers))
		others, late := readers[:2], readers[2]
		for _, r := range others {
			go func() { done <- r.readTo(size) }()
		}
		last, same := int64(0), 0
		waitFor(t, "the others have what they can have", func() bool {
			now, came := int64(0), true
			for _, r := range others {
				now += r.at.Load()
				came = came && r.opened.Load() == 2
			}
			if same++; now != last || !came {
				last, same = now, 0
			}
			return same == 30 || len(done) > 0
		})
		go func() { done <- late.readTo(size) }()
		for range readers {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	onReplacement(t, func(t *testing.T, replace func(*daemon)) {
		t.Run("InAFlood", func(t *testing.T) {
			const size = 64 << 20
			d, pid, readers := begin(t, fmt.Sprintf(`echo go | E2E_CHILD=flood BYTES=%d exec "$PROGRAM"`, size), "/streams/%d/stdout?feed=continuous", func() func(*returning) (bool, error) {
				return nextBytes(io.MultiReader(strings.NewReader(up), noise(size)))
			})
			d.input(pid, "go\n")
			for _, r := range readers {
				if err := r.readTo(1 << 20); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, "the process waits", func() bool { return d.blocked("flood") })
			replace(d)
			finish(t, readers, int64(len(up))+size)
		})
		// These wait for more, in the seats of an audience.
		t.Run("BeforeAFlood", func(t *testing.T) {
			const lines, width = 20_000, 2000
			d, pid, readers := begin(t, fmt.Sprintf("exec seq -f %%0%d.0f %d", width, lines), "/streams/%d/stdout?feed=eventsource", func() func(*returning) (bool, error) {
				return nextNumber(width)
			})
			replace(d)
			readers[0].body = nil
			waitFor(t, "one comes again", func() bool {
				if err := readers[0].open(); err != nil {
					t.Fatal(err)
				}
				return readers[0].body != nil
			})
			d.input(pid, "go\n")
			finish(t, readers, int64(len(up))+lines*(width+1))
		})
	})
}
