package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gafferd/gaffer/httpapi/client"
)

// torture is how much of it there is: a little in every run, and all of it with
// make torture.
type torture struct {
	children int           // that write numbered lines, each with a reader from the first on
	writers  int           // of stdin, to children that write what they read
	changers int           // that scale, stop and start processes
	times    int           // how often the worker is replaced
	pause    time.Duration // at most, before each time
	args     []string
	state    string // the directory, "" for none
	gentle   bool   // no request may fail that can be repeated
}

func howMuch(little, all torture) torture {
	if os.Getenv("GAFFER_TORTURE") != "" {
		return all
	}
	return little
}

// atOnce runs tests of a little torture, which mostly wait, beside one another.
func atOnce(t *testing.T) {
	if os.Getenv("GAFFER_TORTURE") == "" {
		t.Parallel()
	}
}

// TestWorkerIsKilled kills the worker at random moments. No child may notice, and
// no reader, no writer and nobody who changes something may find anything amiss.
func TestWorkerIsKilled(t *testing.T) {
	for name, state := range map[string]string{"InMemory": "", "OnDisk": filepath.Join(t.TempDir(), "state")} {
		t.Run(name, func(t *testing.T) {
			atOnce(t)
			how := howMuch(
				torture{children: 6, writers: 3, changers: 2, times: 8, pause: 300 * time.Millisecond},
				torture{children: 50, writers: 20, changers: 4, times: 200, pause: 2 * time.Second})
			if how.state = state; state != "" {
				config := filepath.Join(t.TempDir(), "gaffer.yaml")
				if err := os.WriteFile(config, []byte("gaffer:\n  log_size: 4GiB # all there is\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				how.args = []string{"--state-dir", state, config}
			}
			how.run(t, func(d *daemon) {
				if pid := d.worker(); pid != 0 {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			})
		})
	}
}

// TestUpgrades does the same with upgrades, to a program of another version and
// back.
func TestUpgrades(t *testing.T) {
	other := filepath.Join(t.TempDir(), "gafferd")
	build := exec.Command("go", "build", "-o", other, "-ldflags", "-X github.com/gafferd/gaffer/internal/version.release=9.9.9", "./cmd/gafferd")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	how := howMuch(
		torture{children: 6, writers: 3, changers: 2, times: 4, pause: 500 * time.Millisecond},
		torture{children: 50, writers: 20, changers: 4, times: 30, pause: 4 * time.Second})
	how.gentle = true
	programs := []string{other, filepath.Join(bin, "gafferd")}
	n := 0
	how.run(t, func(d *daemon) {
		program := programs[n%2]
		n++
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		version, err := d.client().Upgrade(ctx, program)
		if err != nil {
			t.Fatalf("upgrade %d to %s: %v", n, program, err)
		}
		if got := version.Version == "9.9.9"; got != (program == other) {
			t.Errorf("after upgrade %d to %s the version is %s", n, program, version.Version)
		}
	})
}

// run has everything go on at once while replace is called so many times.
func (how torture) run(t *testing.T, replace func(d *daemon)) {
	d := start(t, how.args...)
	tick := map[string]string{"BURST": "1000", "RATE": "200"}
	d.create("ticks", child("tick", tick, properties{"numprocesses": how.children, "restart": "always", "backoff": properties{"initial": 0}}))
	d.create("echoes", child("echo", nil, properties{"numprocesses": how.writers, "redirect_input": true, "restart": "always"}))
	before := d.instances("ticks", "echoes")

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var work sync.WaitGroup
	readers := make(map[int]*tickReader)
	for _, pid := range d.pids("ticks") {
		r := &tickReader{t: t, d: d, pid: pid}
		readers[pid] = r
		work.Go(func() { r.run(ctx) })
	}
	var echoes []*echo
	for _, pid := range d.pids("echoes") {
		e := &echo{t: t, d: d, pid: pid}
		echoes = append(echoes, e)
		work.Go(func() { e.write(ctx) })
		work.Go(func() { e.read(ctx) })
	}
	var changers []*changer
	for i := range how.changers {
		c := &changer{t: t, d: d, name: fmt.Sprint("changed", i)}
		d.create(c.name, properties{"cmd": "sleep 1000"})
		changers = append(changers, c)
		work.Go(func() { c.run(ctx) })
	}
	pings := &pinger{t: t, d: d, gentle: how.gentle}
	work.Go(func() { pings.run(ctx) })

	for n := range how.times {
		pause := rand.N(how.pause) // the moment is to be any
		if how.pause < time.Second && n%4 == 3 {
			pause += time.Second // else the daemon would wait for longer and longer before the next worker
		}
		<-time.After(pause)
		replace(d)
		waitFor(t, "a worker answers", func() bool { _, err := d.try("GET", "/ping", nil); return err == nil })
	}
	for _, r := range readers {
		from := r.lines.Load()
		waitFor(t, "lines go on to be read", func() bool { return r.lines.Load() > from+100 })
	}
	for _, e := range echoes {
		from := e.echoed.Load()
		waitFor(t, "what is written comes back", func() bool { return e.echoed.Load() > from+10*echoRecord })
	}
	cancel()
	work.Wait()
	if after := d.instances("ticks", "echoes"); !slices.Equal(after, before) {
		t.Errorf("the children were %v, and are %v", before, after)
	}
	for _, c := range changers {
		c.check()
	}
	if how.state != "" {
		d.stop() // and so all is written
		for pid, r := range readers {
			how.checkDisk(t, pid, r.lines.Load())
		}
	}
	t.Logf("%d replacements; %d requests, which took %v at most", how.times, pings.count, pings.longest)
}

// checkDisk holds that the lines of an instance of tick are on disk, each once and
// in order, and at least those that were read.
func (how torture) checkDisk(t *testing.T, pid int, read int64) {
	l := &lives{t: t, state: how.state}
	n := int64(0)
	for _, file := range l.logFiles("ticks", pid) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		records, half, err := criRecords(data)
		if err != nil || len(half) > 0 {
			t.Fatalf("%s: %v, %d bytes of half a record", file, err, len(half))
		}
		var text []byte
		for _, r := range records {
			text = append(text, r.output()...)
		}
		for line := range strings.Lines(string(text)) {
			if got, _, err := tickOf(strings.TrimSpace(line)); err != nil || int64(got) != n {
				t.Errorf("pid %d: on disk line %d is %q", pid, n, line)
				return
			}
			n++
		}
	}
	if n < read {
		t.Errorf("pid %d: %d lines are on disk, and %d were read", pid, n, read)
	}
}

// instances are the os pids of all instances of some processes.
func (d *daemon) instances(names ...string) (pids []string) {
	d.t.Helper()
	var all []struct {
		PID   int
		Name  string
		OSPid int `json:"os_pid"`
	}
	d.get("/pids", &all)
	for _, i := range all {
		if slices.Contains(names, i.Name) {
			pids = append(pids, fmt.Sprintf("%s %d %d", i.Name, i.PID, i.OSPid))
		}
	}
	slices.Sort(pids)
	return pids
}

// worker is the os pid of the daemon's worker, 0 while there is none.
func (d *daemon) worker() int { return workerOf(d.cmd.Process.Pid) }

// workerOf is the worker of a keeper; 0 if it has none just now.
func workerOf(keeper int) int {
	for _, pid := range childrenOf(keeper) {
		if environ(pid, "GAFFER_KEEPER_FD") != "" {
			return pid
		}
	}
	return 0
}

// childrenOf are the children of a process.
func childrenOf(parent int) (pids []int) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	for _, file := range threads {
		text, _ := os.ReadFile(file)
		for field := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// tickReader follows the numbered lines of an instance of tick.
type tickReader struct {
	t     *testing.T
	d     *daemon
	pid   int
	lines atomic.Int64
}

func (r *tickReader) run(ctx context.Context) {
	var rest []byte
	for chunk, err := range r.d.client().Stream(ctx, r.pid, "stdout", client.StreamOptions{}) {
		if ctx.Err() != nil {
			return
		}
		if err != nil || chunk.Missed > 0 {
			r.t.Errorf("pid %d: at line %d: %v, %d bytes missed", r.pid, r.lines.Load(), err, chunk.Missed)
			return
		}
		rest = append(rest, chunk.Data...)
		for {
			line, more, ok := bytes.Cut(rest, []byte("\n"))
			if !ok {
				break
			}
			rest = more
			if n, _, err := tickOf(string(line)); err != nil || int64(n) != r.lines.Load() {
				r.t.Errorf("pid %d: line %d is %q", r.pid, r.lines.Load(), line)
				return
			}
			r.lines.Add(1)
		}
	}
}

// client is one that makes connections of its own and is patient.
func (d *daemon) client() *client.Client {
	c, err := client.New(d.url, client.WithPatience(limit))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(c.CloseIdleConnections)
	return c
}

// echoRecord is the size of the numbered records that are written.
const echoRecord = 16

// echo writes numbered records to a child that writes them back.
type echo struct {
	t      *testing.T
	d      *daemon
	pid    int
	echoed atomic.Int64 // bytes
}

func (e *echo) write(ctx context.Context) {
	in, err := e.d.client().Input(ctx, e.pid, "stdin")
	for n := 0; err == nil && ctx.Err() == nil; n++ {
		size := 1 + rand.IntN(200)
		var records []byte
		for i := range size {
			records = fmt.Appendf(records, "%0*d\n", echoRecord-1, n+i)
		}
		n += size - 1
		_, err = in.Write(records)
	}
	if ctx.Err() == nil {
		e.t.Errorf("write to pid %d: %v", e.pid, err)
	}
}

func (e *echo) read(ctx context.Context) {
	var rest []byte
	n := 0
	for chunk, err := range e.d.client().Stream(ctx, e.pid, "stdout", client.StreamOptions{}) {
		if ctx.Err() != nil {
			return
		}
		if err != nil || chunk.Missed > 0 {
			e.t.Errorf("pid %d: after %d records: %v, %d bytes missed", e.pid, n, err, chunk.Missed)
			return
		}
		rest = append(rest, chunk.Data...)
		for ; len(rest) >= echoRecord; rest = rest[echoRecord:] {
			if want := fmt.Sprintf("%0*d\n", echoRecord-1, n); string(rest[:echoRecord]) != want {
				e.t.Errorf("pid %d: record %d is %q", e.pid, n, rest[:echoRecord])
				return
			}
			n++
		}
		e.echoed.Add(int64(len(chunk.Data)))
	}
}

// changer changes what is wanted of a process, and knows what has to come of it:
// what was last answered.
type changer struct {
	t      *testing.T
	d      *daemon
	name   string
	number int  // of instances that are wanted
	active bool // it is to run
}

func (c *changer) run(ctx context.Context) {
	c.number, c.active = 1, true
	for ctx.Err() == nil {
		number, active := c.number, c.active
		path := ""
		switch rand.IntN(4) {
		case 0:
			active, path = true, "_start"
		case 1:
			active, path = false, "_stop"
		case 2:
			path = "_restart"
			active = true
		case 3:
			number = rand.IntN(4)
			path = fmt.Sprint("_scale/", number)
		}
		for {
			a, err := c.d.try("POST", "/processes/"+c.name+"/"+path, nil)
			if err == nil && a.status == http.StatusOK {
				break // only what was answered has to be so
			}
			if err == nil && a.status != http.StatusServiceUnavailable {
				c.t.Errorf("%s: %d %s", path, a.status, a.body)
				return
			}
		}
		c.number, c.active = number, active
	}
}

// check waits for what was last answered to be so.
func (c *changer) check() {
	want := 0
	if c.active {
		want = c.number
	}
	waitFor(c.t, fmt.Sprintf("%s has %d instances, and no other processes", c.name, want), func() bool {
		s := c.d.status(c.name) // which does not count those that are stopping
		return s.Active == c.active && s.NumProcesses == c.number && s.Running == want && c.processes() == want
	})
}

// processes is how many the system has.
func (c *changer) processes() (n int) {
	for _, pid := range marked("E2E_MARK=" + c.d.mark) {
		if environ(pid, "GAFFER_NAME") == c.name {
			n++
		}
	}
	return n
}

// pinger makes requests on new connections, none of which may be refused, and
// with gentle none fail.
type pinger struct {
	t       *testing.T
	d       *daemon
	gentle  bool
	longest time.Duration
	count   int
}

func (p *pinger) run(ctx context.Context) {
	transport := &http.Transport{DisableKeepAlives: true}
	for ctx.Err() == nil {
		began := time.Now()
		req, err := http.NewRequest("GET", p.d.url+"/processes?running=1", nil)
		if err != nil {
			p.t.Error(err)
			return
		}
		resp, err := transport.RoundTrip(req)
		if err == nil {
			var pids []int
			err = json.NewDecoder(resp.Body).Decode(&pids)
			resp.Body.Close()
		}
		if err != nil && (p.gentle || strings.Contains(err.Error(), "refused")) {
			p.t.Errorf("request %d: %v", p.count, err)
		}
		p.count++
		p.longest = max(p.longest, time.Since(began))
	}
}
