package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// reader is a subscriber that digests what it gets.
type reader struct {
	sum   [sha256.Size]byte
	bytes int64
	err   error
}

func digest(r io.Reader) reader {
	h := sha256.New()
	n, err := io.CopyBuffer(h, struct{ io.Reader }{r}, make([]byte, 128<<10))
	return reader{[sha256.Size]byte(h.Sum(nil)), n, err}
}

// slowly reads a MiB a second until stop is closed, and then the rest.
func slowly(r io.Reader, stop <-chan struct{}) reader {
	const piece = 64 << 10
	tick := time.NewTicker(time.Second / (1 << 20 / piece))
	defer tick.Stop()
	h := sha256.New()
	var all reader
	for {
		n, err := io.CopyN(h, r, piece)
		all.bytes += n
		if err != nil {
			if err != io.EOF {
				all.err = err
			}
			all.sum = [sha256.Size]byte(h.Sum(nil))
			return all
		}
		select {
		case <-tick.C:
		case <-stop:
		}
	}
}

// floodTo floods n subscribers, all attached before the first byte, and one slow
// one if asked. It returns what they got and how long the n took.
func floodTo(t *testing.T, size int64, n int, withSlow bool) (quick []reader, slow reader, took time.Duration) {
	d := start(t)
	pid := d.run("flood", child("flood", map[string]string{"BYTES": strconv.FormatInt(size, 10)}, properties{"redirect_input": true}))
	path := fmt.Sprintf("/streams/%d/stdout?feed=continuous", pid)
	var wg, slowest sync.WaitGroup
	done := make(chan struct{})
	if withSlow {
		resp := d.follow(path)
		slowest.Go(func() { slow = slowly(resp.Body, done) })
	}
	quick = make([]reader, n)
	for i := range quick {
		resp := d.follow(path)
		wg.Go(func() { quick[i] = digest(resp.Body) })
	}
	began := time.Now()
	d.input(pid, "go\n")
	wg.Wait()
	took = time.Since(began)
	close(done)
	slowest.Wait()
	return quick, slow, took
}

func checkAll(t *testing.T, readers []reader, size int64) {
	t.Helper()
	want := noiseSum(size)
	for i, r := range readers {
		if r.err != nil || r.bytes != size || r.sum != want {
			t.Errorf("subscriber %d: %d of %d bytes, equal: %v, error: %v", i, r.bytes, size, r.sum == want, r.err)
		}
	}
}

const floodSize = 256 << 20

func TestFloodReachesAll(t *testing.T) {
	heavy(t)
	readers, _, took := floodTo(t, floodSize, 20, false)
	checkAll(t, readers, floodSize)
	t.Logf("256 MiB to 20 subscribers in %v", took)
}

func TestFloodBesideASlowReader(t *testing.T) {
	heavy(t)
	readers, slow, took := floodTo(t, floodSize, 20, true)
	checkAll(t, readers, floodSize)
	t.Logf("256 MiB to 20 subscribers in %v; the slow one had %d MiB", took, slow.bytes>>20)
	if !errors.Is(slow.err, io.ErrUnexpectedEOF) {
		t.Errorf("the slow subscriber was not told of its gap: %d bytes, %v", slow.bytes, slow.err)
	}
}

// TestSlowReaderCostsLittle compares floods with and without a slow subscriber,
// turn by turn. What it may cost is 10 %, which streams tests on its own clock;
// here the margin is as wide as a busy machine needs, and still far from the
// many times that it takes to wait for a MiB a second.
func TestSlowReaderCostsLittle(t *testing.T) {
	heavy(t)
	const size = 64 << 20
	var ratios []float64
	for range 3 {
		_, _, without := floodTo(t, size, 5, false)
		_, _, with := floodTo(t, size, 5, true)
		ratios = append(ratios, float64(with)/float64(without))
	}
	slices.Sort(ratios)
	t.Logf("with a slow subscriber floods take %.2f times as long", ratios)
	if ratios[1] > 3 {
		t.Errorf("a slow subscriber makes floods take %.2f times as long", ratios[1])
	}
}

// TestStalledReader is about one that stops reading altogether: the others get
// everything, the daemon's memory stays bounded, and it learns what it missed.
func TestStalledReader(t *testing.T) {
	heavy(t)
	d := start(t)
	pid := d.run("flood", child("flood", map[string]string{"BYTES": strconv.Itoa(floodSize)}, properties{"redirect_input": true}))
	path := fmt.Sprintf("/streams/%d/stdout?", pid)
	stalled := d.follow(path + "feed=eventsource&encoding=base64")
	healthy := d.follow(path + "feed=continuous")
	before := d.use()
	d.input(pid, "go\n")
	checkAll(t, []reader{digest(healthy.Body)}, floodSize)
	after := d.use()
	// A window is 16 MiB at most; the rest is what a garbage collector leaves.
	if grown := after.rss - before.rss; grown > 96<<20 {
		t.Errorf("a stalled subscriber made the daemon grow by %d MiB", grown>>20)
	}

	var got, missed, last int64
	readEvents(t, stalled, func(e sseEvent) bool {
		switch e.name {
		case "gap":
			var gap struct{ Missed int64 }
			if err := json.Unmarshal([]byte(e.data), &gap); err != nil {
				t.Fatal(err)
			}
			missed += gap.Missed
		case "stdout":
			piece, err := base64.StdEncoding.DecodeString(e.data)
			if err != nil {
				t.Fatal(err)
			}
			got += int64(len(piece))
			if last = e.id; last != got+missed {
				t.Fatalf("after %d bytes and %d missed the offset is %d", got, missed, last)
			}
		}
		return true
	})
	if missed == 0 || got+missed != floodSize {
		t.Errorf("the stalled subscriber got %d bytes and was told of %d missed: %d in all, not %d", got, missed, got+missed, floodSize)
	}
}

// TestMemoryIsBounded floods without any reader.
func TestMemoryIsBounded(t *testing.T) {
	heavy(t)
	d := start(t)
	exits := d.watch("/exit")
	before := d.use()
	pid := d.run("flood", child("flood", map[string]string{"BYTES": strconv.Itoa(floodSize)}, properties{"redirect_input": true}))
	d.input(pid, "go\n")
	exits.next()
	if grown := d.use().rss - before.rss; grown > 48<<20 {
		t.Errorf("a flood that nobody reads made the daemon grow by %d MiB", grown>>20)
	}
}

// TestResume cuts a subscriber off again and again, each time in the middle of
// what it got, and lets it resume.
func TestResume(t *testing.T) {
	d := start(t)
	const lines = 20_000
	pid := d.run("lines", child("lines", map[string]string{"LINES": strconv.Itoa(lines)}, properties{"redirect_input": true}))
	path := fmt.Sprintf("/streams/%d/stdout?", pid)
	var want strings.Builder
	for i := range lines {
		fmt.Fprintln(&want, "line", i)
	}
	d.input(pid, "go\n")

	t.Run("since", func(t *testing.T) {
		var got strings.Builder
		for n := int64(1); got.Len() < want.Len(); n = n*3 + 1 {
			resp := d.follow(fmt.Sprintf("%sfeed=continuous&since=%d", path, got.Len()))
			if _, err := io.CopyN(&got, resp.Body, n); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		if got.String() != want.String() {
			t.Error("what came in pieces is not what was written")
		}
	})
	t.Run("Last-Event-ID", func(t *testing.T) {
		var got strings.Builder
		last, n := int64(0), 1
		for got.Len() < want.Len() {
			resp := d.follow(path+"feed=eventsource&since=0", "Last-Event-ID", strconv.FormatInt(last, 10))
			left := n
			readEvents(t, resp, func(e sseEvent) bool {
				got.WriteString(e.data + "\n")
				last = e.id
				left--
				return left > 0
			})
			resp.Body.Close()
			n = n*3 + 1
		}
		if got.String() != want.String() {
			t.Error("what came in events is not what was written")
		}
	})
	t.Run("longpoll", func(t *testing.T) {
		var got strings.Builder
		offset := "0"
		for got.Len() < want.Len() {
			a := d.ok("GET", path+"feed=longpoll&limit=10000&since="+offset, "")
			got.WriteString(a.body)
			offset = a.header.Get("Gaffer-Offset")
		}
		if got.String() != want.String() {
			t.Error("what came in polls is not what was written")
		}
	})
}

func TestLongLine(t *testing.T) {
	heavy(t)
	const size = 64 << 20
	d := start(t)
	p := child("longline", map[string]string{"BYTES": strconv.Itoa(size)}, properties{"redirect_input": true})
	pid := d.run("long", p)
	path := fmt.Sprintf("/streams/%d/stdout?feed=", pid)
	bytes, events := d.follow(path+"continuous"), d.follow(path+"eventsource")
	d.input(pid, "go\n")

	var wg sync.WaitGroup
	var got int64
	var tail string
	wg.Go(func() {
		buf := make([]byte, 256<<10)
		for {
			n, err := bytes.Body.Read(buf)
			got += int64(n)
			tail += string(buf[:n])
			tail = tail[max(0, len(tail)-64):]
			if err != nil {
				if err != io.EOF {
					t.Error(err)
				}
				return
			}
		}
	})
	const end = "no newline at the end"
	var text int64
	var last string
	readEvents(t, events, func(e sseEvent) bool {
		text += int64(len(e.data))
		last = e.data
		return true
	})
	wg.Wait()
	if want := int64(size + 1 + len(end)); got != want || !strings.HasSuffix(tail, "cdef\n"+end) {
		t.Errorf("continuous brought %d of %d bytes, ending in %q", got, want, tail)
	}
	if want := int64(size + len(end)); text != want || last != end {
		t.Errorf("the events hold %d of %d bytes, the last of them %q", text, want, last)
	}
}

// TestLastWords is about what is written in the moment of the end: it comes
// before the end of the response, and the exit event comes after both.
func TestLastWords(t *testing.T) {
	d := start(t)
	exits := d.watch("/exit")
	for i := range 20 {
		name := fmt.Sprint("dying", i)
		pid := d.run(name, child("dying", nil, properties{"redirect_input": true}))
		resp := d.follow(fmt.Sprintf("/streams/%d/stdout?feed=continuous", pid))
		d.input(pid, "go\n")
		if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "the last words" {
			t.Errorf("the response was %q, %v", got, err)
		}
		if e := exits.next(); e.PID != pid || e.ExitStatus != 1 {
			t.Errorf("the exit event is %+v", e)
		}
		// Whoever learns of the exit finds all output there.
		a := d.ok("GET", fmt.Sprintf("/streams/%d/stdout?since=0", pid), "")
		if a.body != "the last words" {
			t.Errorf("after the exit event the stream holds %q", a.body)
		}
		if e := d.exits(name)[0]; e.ExitStatus != 1 || !slices.Equal(e.Stderr, []string{"the reason"}) {
			t.Errorf("_exits says %+v", e)
		}
	}
}

// TestBackpressure has the writer wait for a reader that starts late, on what is
// more than any window.
func TestBackpressure(t *testing.T) {
	heavy(t)
	const size = 64 << 20
	d := start(t)
	pid := d.run("flood", child("flood", map[string]string{"BYTES": strconv.Itoa(size)},
		properties{"redirect_input": true, "backpressure": true}))
	resp := d.follow(fmt.Sprintf("/streams/%d/stdout?feed=continuous", pid))
	other := d.follow(fmt.Sprintf("/streams/%d/stdout?feed=continuous", pid))
	d.input(pid, "go\n")
	var read atomic.Int64
	done := make(chan reader)
	go func() { done <- digest(io.TeeReader(other.Body, counter{&read})) }()
	// The other one gets as far as the window lets the writer, and no further.
	last, same := int64(-1), 0
	waitFor(t, "the writer waits", func() bool {
		now := read.Load()
		if same++; now != last || now == 0 {
			last, same = now, 0
		}
		return same == 30
	})
	if last == size {
		t.Error("the writer did not wait for a reader that had read nothing")
	}
	checkAll(t, []reader{digest(resp.Body), <-done}, size)
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// sseEvent is a server-sent event.
type sseEvent struct {
	name, data string
	id         int64
}

// readEvents reads a feed to its end by the rules of the format, or until each
// has seen enough.
func readEvents(t *testing.T, resp *http.Response, each func(sseEvent) (more bool)) {
	t.Helper()
	lines := newLineReader(resp.Body)
	var e sseEvent
	var data []string
	for {
		line, err := lines.next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("events: %v", err)
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if len(data) > 0 {
				e.data = strings.Join(data, "\n")
				if !each(e) {
					return
				}
			}
			e.name, data = "", nil
		case field == "event":
			e.name = value
		case field == "data":
			data = append(data, value)
		case field == "id":
			if e.id, err = strconv.ParseInt(value, 10, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
}
