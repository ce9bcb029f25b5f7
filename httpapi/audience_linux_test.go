package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/streams"
)

// standing is how many feeds of events have a goroutine of their own.
func standing() (n int) {
	buf := make([]byte, 8<<20)
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "httpapi.(*Server).sendEvents(") || strings.Contains(stack, "httpapi.(*seat).stand(") {
			n++
		}
	}
	return n
}

func TestQuietReadersHaveNoGoroutine(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	io.WriteString(log, "history\n")
	d := feedServer(t, log)
	var readers []*http.Response
	for range 100 {
		resp := d.open("/log?feed=eventsource&since=0")
		expect(t, resp.Body, line(8, "history"))
		readers = append(readers, resp)
	}
	eventually(t, "that all are seated", func() bool { return standing() == 0 })
	io.WriteString(log, "news\n")
	for _, resp := range readers {
		expect(t, resp.Body, line(13, "news"))
	}
	log.Close()
	for _, resp := range readers {
		if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil {
			t.Fatalf("at the end: %q, %v", rest, err)
		}
	}
}

// TestFeedsTellThatTheyClose holds that no client takes the connection of a feed that
// ended for one that it can use again. A POST sent into the end would fail.
func TestFeedsTellThatTheyClose(t *testing.T) {
	for _, feed := range []string{"continuous", "eventsource"} {
		log := streams.NewLog(streams.Options{})
		d := feedServer(t, log)
		path := "/log?since=0&feed=" + feed
		if resp := d.open(path); !resp.Close {
			t.Errorf("%s: does not say that the connection is closed behind it", feed)
		}
		log.Close()
		if resp := d.open(path); resp.Close {
			t.Errorf("%s: closes the connection of an answer that did not have to wait", feed)
		}
	}
}

// TestWaitingReadersAreSmall holds that one costs at most 12 KiB.
func TestWaitingReadersAreSmall(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector has a memory of its own")
	}
	const readers = 500
	d := feedServer(t, streams.NewLog(streams.Options{}))
	connect := func(n int) {
		for range n {
			conn := d.raw("GET /log?feed=eventsource HTTP/1.1\r\nHost: localhost\r\n\r\n")
			expect(t, conn, "HTTP/1.1 200 OK\r\n")
		}
		eventually(t, "that all are seated", func() bool { return standing() == 0 })
	}
	connect(50) // what is made once
	before := inUse()
	connect(readers)
	each := int64(inUse()-before) / readers
	t.Logf("%d bytes each", each)
	if each > 12<<10 {
		t.Errorf("%d bytes a waiting reader, want at most 12 KiB", each)
	}
}

// TestAudienceIsExact has readers of all kinds: some stop reading for a while, some
// come and go, and what there is to read comes in drops and in floods.
func TestAudienceIsExact(t *testing.T) {
	const (
		lines   = 20_000
		readers = 24
	)
	log := streams.NewLog(streams.Options{Window: 16 << 20})
	d := feedServer(t, log)
	pad := strings.Repeat("x", 200)
	var written, read atomic.Int64 // lines, by the first reader
	caughtUp := make(chan struct{}, 1)
	var all sync.WaitGroup
	for i := range readers {
		all.Go(func() {
			r := &numbersReader{t: t, d: d, pad: pad}
			for r.next <= lines {
				most := lines
				if i%3 == 1 {
					most = r.next + rand.IntN(2000) // and then it comes again
				}
				r.connect()
				for r.next <= min(most, lines) && r.one() {
					if i == 0 {
						read.Store(int64(r.next - 1))
						select {
						case caughtUp <- struct{}{}:
						default:
						}
					}
					if i%3 == 2 && r.next%5000 == 0 { // it does not read while others do
						for written.Load() < min(int64(r.next)+4000, lines) && !t.Failed() {
							runtime.Gosched()
						}
					}
				}
				r.conn.Close()
			}
		})
	}
	for n := 1; n <= lines && !t.Failed(); {
		var text strings.Builder
		for burst := 1 + rand.IntN(1+rand.IntN(600)); burst > 0 && n <= lines; burst-- {
			fmt.Fprintf(&text, "%d %s\n", n, pad)
			n++
		}
		io.WriteString(log, text.String())
		written.Store(int64(n - 1))
		for rand.IntN(2) == 0 && read.Load() < int64(n-1) && !t.Failed() {
			<-caughtUp
		}
	}
	all.Wait()
	log.Close()
}

// numbersReader reads numbered lines as events, and goes on where it was when it
// connects again.
type numbersReader struct {
	t    *testing.T
	d    *daemon
	pad  string
	next int // the number to come
	id   string
	conn net.Conn
	body *bufio.Reader
}

func (r *numbersReader) connect() {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
	}}
	conn, err := dialer.Dial("tcp", r.d.address)
	if err != nil {
		r.t.Error(err)
		return
	}
	r.conn = conn
	if r.next == 0 {
		r.next, r.id = 1, "0"
	}
	fmt.Fprintf(conn, "GET /log?feed=eventsource HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: %s\r\n\r\n", r.id)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		r.t.Error(err)
		return
	}
	r.body = bufio.NewReader(resp.Body)
}

// one reads an event. It reports whether it did.
func (r *numbersReader) one() bool {
	var id, data string
	for {
		text, err := r.body.ReadString('\n')
		if err != nil {
			r.t.Errorf("before line %d: %v", r.next, err)
			r.next = 1 << 30
			return false
		}
		text = strings.TrimSuffix(text, "\r\n")
		if text == "" && id != "" {
			break
		}
		if v, ok := strings.CutPrefix(text, "id: "); ok {
			id = v
		}
		if v, ok := strings.CutPrefix(text, "data: "); ok {
			data = v
		}
	}
	if data != strconv.Itoa(r.next)+" "+r.pad {
		r.t.Errorf("got %.40q, want line %d", data, r.next)
		r.next = 1 << 30
		return false
	}
	r.next++
	r.id = id
	return true
}

// openWhenFree opens a feed as soon as whoever had its place is known to be gone.
func (d *daemon) openWhenFree(path string) (resp *http.Response) {
	d.t.Helper()
	eventually(d.t, "that the place is free", func() bool {
		var err error
		if resp, err = d.client.Get(d.url + path); err != nil {
			d.t.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK {
			resp.Body.Close()
		}
		return resp.StatusCode == http.StatusOK
	})
	return resp
}

// TestReaderWhoHangsUpIsLetGo wants the place of one who waits for something that
// never comes.
func TestReaderWhoHangsUpIsLetGo(t *testing.T) {
	d := newDaemon(t, Options{Limits: Limits{PeerStreams: 1}})
	pid := d.create(map[string]any{"name": "quiet", "cmd": "sleep", "args": []string{"100"}, "redirect_output": []string{"stdout"}})
	path := fmt.Sprintf("/streams/%d/stdout?feed=eventsource&heartbeat=false", pid)
	resp := d.open(path)
	for range 3 {
		eventually(t, "that it is seated", func() bool { return standing() == 0 })
		if got := d.get(path).status; got != http.StatusTooManyRequests {
			t.Fatalf("a second one is answered with %d", got)
		}
		resp.Body.Close()
		resp = d.openWhenFree(path)
	}
	resp.Body.Close()
}

// TestServeEndsInAFlood ends a server while there is always more to say.
func TestServeEndsInAFlood(t *testing.T) {
	log := streams.NewLog(streams.Options{})
	d := feedServer(t, log)
	stop := make(chan struct{})
	var flooding sync.WaitGroup
	defer flooding.Wait()
	defer close(stop)
	resp := d.open("/log?feed=eventsource")
	eventually(t, "that it is seated", func() bool { return standing() == 0 })
	flooding.Go(func() {
		text := []byte(strings.Repeat(strings.Repeat("x", 99)+"\n", 1000))
		for {
			select {
			case <-stop:
				return
			default:
				log.Write(text)
			}
		}
	})
	flooding.Go(func() { io.Copy(io.Discard, resp.Body) })
	if _, err := io.CopyN(io.Discard, d.open("/log?feed=eventsource").Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	d.stop()
}

// TestTalkativeReader sends something and hangs up. That it goes is noticed
// nevertheless.
func TestTalkativeReader(t *testing.T) {
	d := newDaemon(t, Options{Limits: Limits{PeerStreams: 1}})
	pid := d.create(map[string]any{"name": "quiet", "cmd": "sleep", "args": []string{"100"}, "redirect_output": []string{"stdout"}})
	path := fmt.Sprintf("/streams/%d/stdout?feed=eventsource&heartbeat=false", pid)
	conn := d.raw("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
	expect(t, conn, "HTTP/1.1 200 OK\r\n")
	eventually(t, "that it is seated", func() bool { return standing() == 0 })
	io.WriteString(conn, "GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
	conn.Close()
	d.openWhenFree(path).Body.Close()
}

// TestWhoStandsIsWaitedFor has a stream that waits for its readers. They are seated,
// and read on when a socket is full.
func TestWhoStandsIsWaitedFor(t *testing.T) {
	const (
		lines   = 60_000 // more than a socket holds
		readers = 4
	)
	log := streams.NewLog(streams.Options{Window: 64 << 10, MaxWindow: 64 << 10, Backpressure: true})
	d := feedServer(t, log)
	pad := strings.Repeat("x", 200)
	fmt.Fprintf(log, "1 %s\n", pad)
	var all []*numbersReader
	for range readers {
		r := &numbersReader{t: t, d: d, pad: pad}
		r.connect()
		defer r.conn.Close()
		r.one()
		all = append(all, r)
	}
	eventually(t, "that all are seated", func() bool { return standing() == 0 })
	var work sync.WaitGroup
	work.Go(func() {
		for n := 2; n <= lines; {
			var text strings.Builder
			for ; n <= lines && text.Len() < 50_000; n++ {
				fmt.Fprintf(&text, "%d %s\n", n, pad)
			}
			io.WriteString(log, text.String())
		}
	})
	eventually(t, "that one stands", func() bool { return standing() > 0 })
	for _, r := range all {
		work.Go(func() {
			for r.next <= lines && r.one() {
			}
			r.conn.Close()
		})
	}
	work.Wait()
	log.Close()
}

// TestWhoStandsHasTheLineSoFar has a socket be full when the stream has forgotten the
// beginning of the line that comes next.
func TestWhoStandsHasTheLineSoFar(t *testing.T) {
	log := streams.NewLog(streams.Options{Window: 8 << 10, MaxWindow: 8 << 10, Backpressure: true})
	all := newAudiences(newDaemon(t, Options{}).server, t.Context(), func(*guest) {})
	near, far := connected(t)
	a := &audience{all: all, key: audienceKey{log, "stdout", 0}, from: lineEvents(&reading{log: log, label: "stdout"}, 0)}
	a.seats = []*seat{{all: all, key: a.key, done: func() {}, conn: near, raw: rawConn(near)}}
	part := strings.Repeat("x", 1000)
	for range 30 {
		io.WriteString(log, part)
		if _, err := a.from.poll(nil); err != streams.ErrIdle {
			t.Fatal(err)
		}
	}
	if log.Start() == 0 {
		t.Fatal("all of the line is still there")
	}
	for len(a.seats) > 0 {
		a.say([]byte(part), false)
	}
	a.from.close()
	io.WriteString(log, "\n")
	log.Close()
	far.SetDeadline(time.Now().Add(patience))
	if got, err := io.ReadAll(far); err != nil || !bytes.Contains(got, []byte("data: "+strings.Repeat(part, 30)+"\r\n")) {
		t.Errorf("%d bytes, which end with %.100q: %v", len(got), got[max(0, len(got)-100):], err)
	}
	all.close()
}

// Whoever is gone before his goroutine begins is served nevertheless, in a context that
// has ended: there may be something to give back.
func TestSeatThatIsGoneIsServed(t *testing.T) {
	all := newAudiences(newDaemon(t, Options{}).server, t.Context(), func(*guest) {})
	defer all.close()
	near, _ := connected(t)
	s := &seat{all: all, done: func() {}, conn: near, raw: rawConn(near)}
	s.drop()
	served := false
	s.alone(func(_ *feedWriter, ctx context.Context) (seated bool) {
		served = true
		<-ctx.Done()
		return false
	})
	if !served {
		t.Error("it is not served")
	}
}
