package e2e

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// criRecord is a line as the CRI log format defines it: a time in RFC 3339 with
// nanoseconds, the stream, the tags, the text.
var criRecord = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d) (stdout|stderr) (F|P)(:[^ ]*)? `)

// criLines are the lines of one stream of a log file. A last record without an
// end is a daemon's that was killed in it.
func criLines(t *testing.T, file, stream string) (lines []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	partial := ""
	for in := bufio.NewReader(f); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			if line != "" {
				t.Errorf("%s ends in half a record: %q", file, line)
			}
			return lines
		}
		head := criRecord.FindStringSubmatch(line)
		if head == nil {
			t.Fatalf("%s: no record: %q", file, line)
		}
		if head[3] != stream {
			continue
		}
		partial += strings.TrimSuffix(line[len(head[0]):], "\n")
		if head[4] == "F" {
			lines = append(lines, partial)
			partial = ""
		}
	}
}

// TestLogsOverKill kills the daemon in a flood. What is on disk then is a clean
// prefix, and those who resume get nothing twice.
func TestLogsOverKill(t *testing.T) {
	l := newLives(t)
	l.begin()
	l.create("shop:web", child("tick", map[string]string{"BURST": "200000", "RATE": "500"}, properties{"numprocesses": 2, "restart": "always"}))
	direct := func() string { return l.addr }
	readers := []*logReader{
		{name: "websocket", follow: byWebsocket(direct, "shop"), lost: true},
		{name: "eventsource", follow: byEventsource(direct, "shop"), lost: true},
	}
	stop := follow(t, readers...)
	waitFor(t, "all is being kept", func() bool {
		templates, _ := os.ReadFile(filepath.Join(l.state, "templates.json"))
		for _, pid := range []string{"1", "2"} {
			info, err := os.Stat(filepath.Join(l.state, "logs", "shop", "shop:web", pid+".log"))
			if err != nil || info.Size() < 64<<10 {
				return false
			}
		}
		return strings.Contains(string(templates), `"shop:web"`)
	})
	l.end(syscall.SIGKILL)
	l.begin()
	l.create("shop:more", child("tick", map[string]string{"BURST": "0", "RATE": "500"}, nil))
	for _, r := range readers {
		waitFor(t, r.name+" has read of the new instances", func() bool { return r.saw(3, 4, 5) })
	}
	stop()
	next := map[string]int{}
	for _, pid := range []string{"1", "2"} {
		for i := 0; ; i++ {
			file := filepath.Join(l.state, "logs", "shop", "shop:web", fmt.Sprintf("%s.%d.log", pid, i+1))
			if _, err := os.Stat(file); err != nil {
				file = filepath.Join(l.state, "logs", "shop", "shop:web", pid+".log")
				i = -2
			}
			for _, line := range criLines(t, file, "stdout") {
				if want := fmt.Sprint("line ", next[pid], " of ", pid); line != want {
					t.Fatalf("%s: %q, want %q", file, line, want)
				}
				next[pid]++
			}
			if i < 0 {
				break
			}
		}
		if next[pid] == 0 {
			t.Errorf("nothing of pid %s is on disk", pid)
		}
	}
	for _, r := range readers {
		r.faultless(t)
	}
}
