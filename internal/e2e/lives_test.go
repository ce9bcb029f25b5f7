package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestNothingIsLeft has 10,000 processes live and end and 10,000 subscribers
// come and go, and compares what the kernel holds for the daemon before and
// after. Both are done once before, in small, so that what is kept on purpose
// (idle connections' buffers, the last exits, events) is there.
func TestNothingIsLeft(t *testing.T) {
	heavy(t)
	d := start(t)
	pid := d.run("subscribed", script("echo ready; exec sleep 1000", nil))
	round := func(n int) usage {
		live(d, n)
		subscribe(t, d, pid, n)
		http.DefaultClient.CloseIdleConnections()
		return settled(t, d)
	}
	before := round(1000)
	after := round(10_000)
	t.Logf("before: %v", before)
	t.Logf("after:  %v", after)
	if after.fds > before.fds {
		t.Errorf("%d descriptors were not closed", after.fds-before.fds)
	}
	if after.threads > before.threads+4 {
		t.Errorf("%d threads came and stayed", after.threads-before.threads)
	}
	if after.rss > before.rss+24<<20 { // 2 KiB for each that came and went would be more
		t.Errorf("%d MiB were not given back", (after.rss-before.rss)>>20)
	}
	if after.zombies > 0 {
		t.Errorf("%d children were not waited for", after.zombies)
	}
}

// live has n processes run and end, a few at a time.
func live(d *daemon, n int) {
	d.t.Helper()
	exits := d.watch("/proc/brief/exit")
	defer exits.close()
	d.create("brief", properties{"cmd": "true", "numprocesses": 20, "backoff": properties{"initial": 0}})
	for range n {
		exits.next()
	}
	d.ok("DELETE", "/processes/brief?wait=true", "")
}

// subscribe has n subscribers come, get something and go, a few at a time, by
// every way there is.
func subscribe(t *testing.T, d *daemon, pid, n int) {
	t.Helper()
	feeds := []string{
		fmt.Sprintf("/streams/%d/stdout?since=0&feed=continuous", pid),
		fmt.Sprintf("/streams/%d/stdout?since=0&feed=eventsource", pid),
		fmt.Sprintf("/streams/%d/stdout?feed=longpoll&since=0", pid),
		"/watch?since=0&feed=eventsource",
	}
	work := make(chan string)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for path := range work {
				conn, err := net.Dial("tcp", d.addr())
				if err != nil {
					t.Error(err)
					continue
				}
				fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
				if _, err := io.ReadAtLeast(conn, make([]byte, 256), 64); err != nil {
					t.Errorf("%s: %v", path, err)
				}
				conn.Close()
			}
		})
	}
	for i := range n {
		work <- feeds[i%len(feeds)]
	}
	close(work)
	wg.Wait()
}

// settled returns the daemon's usage once it does not sink any more.
func settled(t *testing.T, d *daemon) usage {
	t.Helper()
	last, same := d.use(), 0
	waitFor(t, "the daemon settles", func() bool {
		now := d.use()
		if same++; now.fds != last.fds || now.zombies != last.zombies {
			same = 0
		}
		last = now
		return same == 30
	})
	return last
}

// TestThreads has many children live at the same time: no thread waits for one.
func TestThreads(t *testing.T) {
	heavy(t)
	d := start(t)
	before := d.use()
	d.create("many", properties{"cmd": "sleep 1000", "numprocesses": 300})
	if now := d.use(); now.threads > before.threads+30 {
		t.Errorf("300 idle children took %d threads", now.threads-before.threads)
	}
}

// TestSlowConnections opens connections that say nothing, or half of a request,
// or the head of one whose body never comes: all are dropped in time, and a feed
// that is idle for longer is not.
func TestSlowConnections(t *testing.T) {
	heavy(t)
	t.Parallel()
	d := start(t)
	pid := d.run("quiet", script("read -r line; echo $line", properties{"redirect_input": true, "restart": "never"}))
	feed := d.follow(fmt.Sprintf("/streams/%d/stdout?feed=continuous", pid))
	var wg sync.WaitGroup
	for _, says := range []string{
		"",
		"GET /ping HTTP/1.1\r\nHost: local",
		"POST /processes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
	} {
		conn, err := net.Dial("tcp", d.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, says); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if err := conn.SetReadDeadline(time.Now().Add(4 * limit)); err != nil {
				t.Error(err)
			}
			if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("after %q the connection stayed open: %v", says, err)
			}
		})
	}
	wg.Wait()
	d.input(pid, "still here\n")
	if got, err := io.ReadAll(feed.Body); err != nil || string(got) != "still here\n" {
		t.Errorf("the idle feed brought %q, %v", got, err)
	}
}
