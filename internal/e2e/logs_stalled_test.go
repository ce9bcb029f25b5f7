package e2e

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"testing"
)

func init() {
	children["chapters"] = chapters
}

const (
	chapterLines = 125
	chapterLine  = 8 << 10 // bytes of a line, about
)

// chapters writes 125 numbered lines of 8 KiB for each line that it reads, as
// tick does.
func chapters() {
	pid, next := os.Getenv("GAFFER_PID"), 0
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		for range chapterLines {
			fmt.Fprintf(out, "line %0*d of %s\n", chapterLine, next, pid)
			next++
		}
		out.Flush()
	}
}

// TestStalledReadersGoOnFromDisk has readers of every kind stop reading while
// much more is written than memory and sockets hold. What they find then comes
// from disk, and nothing is missing.
func TestStalledReadersGoOnFromDisk(t *testing.T) {
	chapters := 32 // 32 MiB: a window is 16 MiB at most, and a socket may take ten
	if os.Getenv("GAFFER_HEAVY") != "" {
		chapters = 60
	}
	l := newLives(t)
	l.begin()
	l.create("shop:web", child("chapters", nil, properties{"redirect_input": true}))
	pid := l.pids("shop:web", 1)[0]
	goOn := make(chan struct{})
	direct := func() string { return l.addr }
	readers := []*logReader{
		{name: "websocket", follow: byWebsocket(direct, "shop"), hold: goOn},
		{name: "eventsource", follow: byEventsource(direct, "shop"), hold: goOn},
	}
	stop := follow(t, readers...)
	raw, err := http.Get(fmt.Sprintf("http://%s/streams/%d/stdout?feed=continuous&since=0", l.addr, pid))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Body.Close()

	for n := range chapters {
		l.call("POST", fmt.Sprintf("/streams/%d/stdin", pid), "next\n")
		// The disk has to keep up, else that is where something would be missing.
		l.waitForLogs("shop:web", int64(n+1)*chapterLines*chapterLine, pid)
	}
	close(goOn)
	want := map[int]int{pid: chapters * chapterLines}
	for _, r := range readers {
		waitFor(t, r.name+" has everything", func() bool { return r.at(want) })
	}
	stop()
	for _, r := range readers {
		r.faultless(t)
		if r.connections > 1 { // the one that stop has ended
			t.Errorf("%s has connected %d times", r.name, r.connections)
		}
	}
	l.call("POST", "/processes/shop:web/_stop?wait=true", "")
	text := &logReader{name: "stream", next: map[int]int{}, begun: map[int]string{}}
	in := bufio.NewScanner(raw.Body)
	for in.Scan() {
		text.line(pid, in.Text(), false)
	}
	if err := in.Err(); err != nil {
		t.Errorf("the stream ends with %v", err)
	}
	if text.next[pid] != want[pid] {
		t.Errorf("the stream has %d lines, want %d", text.next[pid], want[pid])
	}
	text.faultless(t)
}
