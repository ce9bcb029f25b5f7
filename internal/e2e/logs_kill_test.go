package e2e

import (
	"bytes"
	"cmp"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLogsOverKill kills the daemon while readers follow. Those who resume get
// what is on disk once and in order.
func TestLogsOverKill(t *testing.T) {
	l := newLives(t)
	l.alone = true
	l.begin()
	l.create("shop:web", child("tick", map[string]string{"BURST": "200000", "RATE": "500"}, properties{"numprocesses": 2, "restart": "always"}))
	direct := func() string { return l.addr }
	readers := []*logReader{
		{name: "websocket", follow: byWebsocket(direct, "shop")},
		{name: "eventsource", follow: byEventsource(direct, "shop")},
	}
	stop := follow(t, readers...)
	l.waitForLogs("shop:web", 64<<10, 1, 2)
	l.end(syscall.SIGKILL)
	kept := map[int]int{1: l.tickedOnDisk("shop:web", 1), 2: l.tickedOnDisk("shop:web", 2)}
	l.begin()
	l.create("shop:more", child("tick", map[string]string{"BURST": "0", "RATE": "500"}, nil))
	instances := append(l.pids("shop:web", 2), l.pids("shop:more", 1)...)
	for _, r := range readers {
		waitFor(t, r.name+" has read of the new instances", func() bool { return r.saw(instances...) })
	}
	stop()
	for _, r := range readers {
		r.faultless(t)
		for pid, n := range kept {
			if r.next[pid] < n {
				t.Errorf("%s has %d lines of pid %d, of which %d are on disk", r.name, r.next[pid], pid, n)
			}
		}
	}
}

// tickedOnDisk is how many lines of an instance of tick are on disk.
func (l *lives) tickedOnDisk(process string, pid int) (n int) {
	l.t.Helper()
	for _, file := range l.logFiles(process, pid) {
		data, err := os.ReadFile(file)
		if err != nil {
			l.t.Fatal(err)
		}
		records, _, err := criRecords(data)
		if err != nil {
			l.t.Fatalf("%s: %v", file, err)
		}
		for _, r := range records {
			if !r.partial {
				n++
			}
		}
	}
	return n
}

// waitForLogs waits until so much of the output of those instances is on disk.
func (l *lives) waitForLogs(process string, size int64, pids ...int) {
	l.t.Helper()
	waitFor(l.t, "the output is on disk", func() bool {
		return !slices.ContainsFunc(pids, func(pid int) bool {
			var all int64
			for _, file := range l.logFiles(process, pid) {
				if info, err := os.Stat(file); err == nil {
					all += info.Size()
				}
			}
			return all < size
		})
	})
}

// logFiles are the files of an instance, the oldest first: 7.1.log, 7.2.log,
// 7.log.
func (l *lives) logFiles(process string, pid int) []string {
	app, _, _ := strings.Cut(process, ":")
	files, err := filepath.Glob(filepath.Join(l.state, "logs", app, process, strconv.Itoa(pid)+".*log"))
	if err != nil {
		l.t.Fatal(err)
	}
	number := func(file string) int {
		n, err := strconv.Atoi(strings.Split(filepath.Base(file), ".")[1])
		if err != nil {
			return len(files) + 1
		}
		return n
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	return files
}

func TestKillInAFlood(t *testing.T) { killInAFlood(t, 2, 300<<10) }

// TestKillsInFloods is long enough for files to be full and followed by others.
func TestKillsInFloods(t *testing.T) {
	heavy(t)
	killInAFlood(t, 10, 16<<20)
}

// killInAFlood kills the daemon again and again while two instances write as
// fast as they can. Each time, what is on disk has to be a clean prefix of what
// they wrote, and what the next daemon makes of that the same, and no less.
func killInAFlood(t *testing.T, kills int, size int64) {
	l := newLives(t)
	l.alone = true
	l.begin()
	// No more than what lets the log keep all of two lives: the next daemon's
	// instances write while the last one's files are looked at.
	l.create("shop:web", child("babble", map[string]string{"BYTES": strconv.Itoa(20 << 20)}, properties{"numprocesses": 2}))
	for kill := range kills {
		pids := l.pids("shop:web", 2)
		l.waitForLogs("shop:web", 1+rand.Int64N(size), pids...)
		l.end(syscall.SIGKILL)
		before := make(map[int]prefix)
		for _, pid := range pids {
			before[pid] = l.babbled("shop:web", pid)
		}
		l.begin()
		for _, pid := range pids {
			after := l.babbled("shop:web", pid)
			if after.kept != before[pid].kept {
				t.Errorf("kill %d, pid %d: the next daemon has %v of stdout and stderr, want %v", kill, pid, after.kept, before[pid].kept)
			}
			if after.half > 0 {
				t.Errorf("kill %d, pid %d: the next daemon left half a record of %d bytes", kill, pid, after.half)
			}
			t.Logf("kill %d, pid %d: %v bytes in %d files, %d gaps, %d bytes of half a record",
				kill, pid, after.kept, after.files, after.gaps, before[pid].half)
		}
	}
}

// pids are the instances that run, when there are so many.
func (l *lives) pids(process string, n int) (pids []int) {
	l.t.Helper()
	waitFor(l.t, "all instances run", func() bool {
		var answer struct{ PIDs []int }
		l.get("/processes/"+process+"/_pids", &answer)
		pids = answer.PIDs
		return len(pids) == n
	})
	return pids
}

// prefix is what there is on disk of an instance that babbles.
type prefix struct {
	kept  [2]int64 // bytes of stdout and stderr, up to the last record
	files int
	gaps  int
	half  int // bytes behind the last record
}

// remark is what a log has in the place of bytes that it lacks.
var remark = regexp.MustCompile(`^gaffer: (\d+) bytes of std(out|err) were not logged$`)

// babbled reads the files of an instance and fails the test unless they are a
// prefix of what it wrote. Only what the file says is missing may be.
func (l *lives) babbled(process string, pid int) (p prefix) {
	l.t.Helper()
	wrote := map[string]*babble{"stdout": newBabble("stdout"), "stderr": newBabble("stderr")}
	kept := map[string]*int64{"stdout": &p.kept[0], "stderr": &p.kept[1]}
	files := l.logFiles(process, pid)
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			l.t.Fatal(err)
		}
		records, half, err := criRecords(data)
		if err != nil {
			l.t.Fatalf("%s: %v", file, err)
		}
		if len(half) > 0 && i < len(files)-1 {
			l.t.Errorf("%s is full and ends in half a record", file)
		}
		p.half = len(half)
		for _, r := range records {
			if time.Since(r.time) > time.Hour || time.Since(r.time) < 0 {
				l.t.Fatalf("%s: the time is %v", file, r.time)
			}
			want := make([]byte, len(r.output()))
			if m := remark.FindSubmatch(r.text); m != nil {
				missing, err := strconv.ParseInt(string(m[1]), 10, 64)
				if err != nil {
					l.t.Fatal(err)
				}
				_, _ = io.CopyN(io.Discard, wrote[r.stream], missing)
				*kept[r.stream] += missing
				p.gaps++
				continue
			}
			if _, err := io.ReadFull(wrote[r.stream], want); err != nil {
				l.t.Fatal(err)
			}
			if got := r.output(); !bytes.Equal(got, want) {
				l.t.Fatalf("%s: behind %d bytes of %s is %.200q, want %.200q", file, *kept[r.stream], r.stream, got, want)
			}
			*kept[r.stream] += int64(len(want))
		}
	}
	p.files = len(files)
	return p
}
