package httpapi

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/gafferd/gaffer/streams"
)

// An idle subscriber costs at most 40 KiB of the daemon's memory, buffers,
// stacks and all.
func TestIdleSubscribersAreSmall(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has a memory of its own")
	}
	const subscribers = 500
	for _, c := range []struct {
		feed string
		most int64
	}{{"continuous", 12 << 10}, {"eventsource", 8 << 10}, {"longpoll", 40 << 10}} {
		feed := c.feed
		log := streams.NewLog(streams.Options{})
		others := accepting()
		d := feedServer(t, log)
		eventually(t, "that it serves both listeners", func() bool { return accepting() == others+2 })
		connect := func(n int) (conns []net.Conn) {
			for range n {
				conn := d.raw("GET /log?feed=" + feed + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
				if feed != "longpoll" {
					expect(t, conn, "HTTP/1.1 200 OK\r\n")
				}
				conns = append(conns, conn)
			}
			return conns
		}
		settle := func(goroutines int) {
			if feed == "eventsource" {
				return // whoever waits there may have no goroutine: see audience
			}
			eventually(t, "them to wait", func() bool {
				n := runtime.NumGoroutine()
				return n == goroutines || n > goroutines && feed == "longpoll" // net/http has more than one
			})
		}
		idle := runtime.NumGoroutine()
		connect(50) // what is made once
		settle(idle + 50)
		before, goroutines := inUse(), runtime.NumGoroutine()
		conns := connect(subscribers)
		settle(goroutines + subscribers)
		each := int64(inUse()-before) / subscribers
		t.Logf("%s: %d bytes each", feed, each)
		if each > c.most {
			t.Errorf("%s: %d bytes an idle subscriber, want at most %d", feed, each, c.most)
		}
		log.Close()
		for _, conn := range conns {
			conn.Close()
		}
		d.stop()
	}
}

// accepting is how many listeners have a server that accepts from them. What a server
// runs is counted only when all of it runs.
func accepting() int {
	buf := make([]byte, 1<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "net/http.(*Server).Serve(")
}

// An idle subscriber has one goroutine, with a stack of 4 KiB: net/http's, which have
// 8 and 4, are gone.
func TestIdleSubscribersHaveSmallStacks(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has larger frames")
	}
	const subscribers = 200
	d := newDaemon(t, Options{})
	pid := d.create(child("web", "hang"))
	stacks := func() int64 {
		inUse()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.StackInuse)
	}
	before, goroutines := stacks(), runtime.NumGoroutine()
	for range subscribers { // of bytes: those of events have no goroutine
		conn := d.raw(fmt.Sprintf("GET /streams/%d/stdout?feed=continuous HTTP/1.1\r\nHost: localhost\r\n\r\n", pid))
		expect(t, conn, "HTTP/1.1 200 OK\r\n")
	}
	eventually(t, "the subscribers to wait", func() bool { return runtime.NumGoroutine() == goroutines+subscribers })
	each := (stacks() - before) / subscribers
	t.Logf("%d bytes each", each)
	if each > 6<<10 {
		t.Errorf("%d bytes of stacks each, want 4 KiB", each)
	}
}

// inUse is the memory in use for objects and stacks.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// A chunk costs the same few allocations however large it is.
func TestChunksAreNotCopied(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	resp := d.open("/log?feed=continuous")
	piece := make([]byte, 64<<10)
	buf := make([]byte, len(piece))
	step := func() {
		log.Write(piece)
		if _, err := io.ReadFull(resp.Body, buf); err != nil {
			t.Fatal(err)
		}
	}
	for range 64 { // until the log's window is full and its blocks have their size
		step()
	}
	var before, after runtime.MemStats
	const rounds = 200
	runtime.ReadMemStats(&before)
	for range rounds {
		step()
	}
	runtime.ReadMemStats(&after)
	// The log stores the bytes once; whoever copies them needs twice that.
	if each := (after.TotalAlloc - before.TotalAlloc) / rounds; each > uint64(len(piece))*3/2 {
		t.Errorf("%d bytes allocated for a piece of %d", each, len(piece))
	} else {
		t.Log(fmt.Sprint(each, " bytes allocated for a piece of ", len(piece)))
	}
}
