package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// standing is what the daemon holds for its clients.
type standing struct{ goroutines, fds, memory int }

func (s standing) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d KiB", s.goroutines, s.fds, s.memory>>10)
}

var (
	profiles   = regexp.MustCompile(`profiles are served.*url=(\S+)`)
	goroutines = regexp.MustCompile(`goroutine profile: total ([0-9]+)`)
	inUse      = regexp.MustCompile(`(?m)^# (?:HeapInuse|Stack) = ([0-9]+)`)
)

// stand asks the worker's profiles.
func (d *daemon) stand() (s standing) {
	d.t.Helper()
	http.DefaultClient.CloseIdleConnections()
	at := profiles.FindStringSubmatch(d.logged())
	if at == nil {
		d.t.Fatalf("no profiles are served\n%s", d.logged())
	}
	read := func(path string) string {
		resp, err := http.Get(at[1] + path)
		if err != nil {
			d.t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			d.t.Fatal(err)
		}
		return string(text)
	}
	number := func(m []string) int {
		if m == nil {
			d.t.Fatal("the profile has another form")
		}
		n, _ := strconv.Atoi(m[1])
		return n
	}
	for _, m := range inUse.FindAllStringSubmatch(read("heap?gc=1&debug=1"), -1) {
		s.memory += number(m)
	}
	s.goroutines = number(goroutines.FindStringSubmatch(read("goroutine?debug=1")))
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.worker()))
	if err != nil {
		d.t.Fatal(err)
	}
	s.fds = len(fds)
	return s
}

// pinged is how long each of n pings took, each on a connection of its own.
func pinged(addr string, n int) (took []time.Duration, failed error) {
	for range n {
		began := time.Now()
		conn, err := net.DialTimeout("tcp", addr, limit)
		if err != nil {
			return took, err
		}
		conn.SetDeadline(began.Add(limit))
		fmt.Fprint(conn, "GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		conn.Close()
		if err != nil {
			return took, err
		}
		if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
			return took, fmt.Errorf("answered %s", resp.Status)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took, nil
}

func init() { children["pinging"] = pingingChild }

// pingingChild is a client of its own: it prints how its pings went.
func pingingChild() {
	n, _ := strconv.Atoi(os.Getenv("PINGS"))
	took, err := pinged(os.Getenv("ADDR"), n)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("median %v, 95%% within %v, all %v", took[n/2], took[n*95/100], took[n-1])
}

// TestGreedyClient opens thousands of connections that ask for nothing, and
// hundreds that ask very slowly. Others are served as before, whoever reads misses
// nothing, and in the end nothing is left.
func TestGreedyClient(t *testing.T) {
	heavy(t)
	const silent, slow, pings = 5_000, 500, 300
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur < silent+slow+1_000 {
		t.Skipf("%d descriptors are too few: ulimit -n %d", files.Cur, silent+slow+1_000)
	}
	most := min(10_000, int(files.Cur)/2) / 2 // connections of one peer
	d := start(t, "--debug-addr", "127.0.0.1:0")
	web := d.run("shop:web", child("tick", map[string]string{"BURST": "0", "RATE": "500"}, nil))
	reader := &logReader{name: "reader", follow: byEventsource(d.addr, "shop")}
	stop := follow(t, reader)
	readTo := func(n int, what string) {
		t.Helper()
		waitFor(t, what, func() bool {
			reader.mu.Lock()
			defer reader.mu.Unlock()
			return reader.next[web] > n
		})
	}
	readTo(100, "the reader reads")
	quiet, err := pinged(d.addr(), pings)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("without the greedy client: median %v", quiet[pings/2])
	before := d.stand()

	var dropped atomic.Int64
	var reading, writing sync.WaitGroup
	var open []net.Conn
	over := make(chan struct{})
	connect := func() net.Conn {
		conn, err := net.DialTimeout("tcp", d.addr(), limit)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
		reading.Go(func() {
			io.Copy(io.Discard, conn)
			select {
			case <-over:
			default:
				dropped.Add(1)
			}
		})
		return conn
	}
	for range slow {
		conn := connect()
		fmt.Fprint(conn, "GET /ping HTTP/1.1\r\nHost: localhost\r\nX: ")
		writing.Go(func() {
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
				case <-over:
					return
				}
				if _, err := conn.Write([]byte("x")); err != nil {
					return
				}
			}
		})
	}
	for range silent {
		connect()
	}
	during, err := pinged(d.addr(), pings)
	if err != nil {
		t.Errorf("beside the greedy client: %v after %d pings", err, len(during))
	} else {
		t.Logf("beside the greedy client, as the same user: median %v, 95%% within %v", during[pings/2], during[pings*95/100])
	}
	if os.Getuid() == 0 {
		other := exec.Command("/proc/self/exe")
		other.Dir = "/"
		other.Env = append(os.Environ(), "E2E_CHILD=pinging", "ADDR="+d.addr(), fmt.Sprint("PINGS=", pings))
		other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, err := other.CombinedOutput(); err != nil {
			t.Errorf("another user beside the greedy client: %v: %s", err, out)
		} else {
			t.Logf("beside the greedy client, as another user: %s", out)
		}
	}
	waitFor(t, "what is too many is closed", func() bool { return dropped.Load() >= int64(silent+slow-most) })
	if now := d.stand(); now.fds > before.fds+most+50 {
		t.Errorf("the daemon has %v, and had %v", now, before)
	} else {
		t.Logf("meanwhile: %v; %d connections were closed", now, dropped.Load())
	}
	a := d.ok("POST", "/processes/shop:web/_stop?wait=true", "")
	if a.status != http.StatusOK {
		t.Errorf("a stop is answered with %d %s", a.status, a.body)
	}
	d.ok("POST", "/processes/shop:web/_start?wait=true", "")
	web = d.pids("shop:web")[0]
	readTo(100, "the reader goes on with the next instance")

	close(over)
	for _, conn := range open {
		conn.Close()
	}
	reading.Wait()
	writing.Wait()
	var after standing
	waitFor(t, "all is given back", func() bool {
		after = d.stand()
		return after.goroutines <= before.goroutines+5 && after.fds <= before.fds+5 && after.memory <= before.memory+8<<20
	})
	t.Logf("before: %v; after: %v", before, after)
	stop()
	reader.faultless(t)
}
