package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func init() {
	children["tick"] = tick
}

// tick writes numbered lines, each of which says whose it is, until it is told
// to stop, and then one more: BURST as fast as it can, then RATE a second. In
// the folder COUNTS, if that is set, it notes how many it wrote.
func tick() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	pid, rate, written := os.Getenv("GAFFER_PID"), int(number("RATE")), 0
	write := func(upTo int) {
		for ; written < upTo; written++ {
			fmt.Println("line", written, "of", pid)
		}
	}
	burst := int(number("BURST"))
	write(burst)
	for began, going := time.Now(), true; going; {
		select {
		case <-stop:
			write(written + 1)
			going = false
		case <-time.After(5 * time.Millisecond):
			write(burst + int(time.Since(began).Seconds()*float64(rate)))
		}
	}
	if dir := os.Getenv("COUNTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, pid), []byte(strconv.Itoa(written)), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// ticked is how many lines each instance noted in a folder, by pid.
func ticked(t *testing.T, dir string) map[int]int {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[int]int{}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(f.Name())
		if err == nil {
			counts[pid], err = strconv.Atoi(string(text))
		}
		if err != nil {
			t.Fatalf("%s: %v", f.Name(), err)
		}
	}
	return counts
}

// logLoad is what TestLogsOverRestarts does.
type logLoad struct {
	instances int // of each of two processes
	rate      int // lines a second of each
	readers   int // of each of five kinds
	life      time.Duration
	cut       int64 // bytes at most before a connection is cut
}

func TestLogsOverRestarts(t *testing.T) {
	logsOverRestarts(t, logLoad{instances: 2, rate: 300, readers: 1, life: 600 * time.Millisecond, cut: 100 << 10})
}

// TestLogsUnderLoad is 20,000 lines a second to ten readers.
func TestLogsUnderLoad(t *testing.T) {
	heavy(t)
	logsOverRestarts(t, logLoad{instances: 10, rate: 1000, readers: 2, life: 5 * time.Second, cut: 8 << 20})
}

// logsOverRestarts has readers of each kind follow two processes while all
// connections are cut again and again and the daemon is restarted three times.
// Everyone has to see every line once, and those of an instance in order.
func logsOverRestarts(t *testing.T, load logLoad) {
	const restarts = 3
	l := newLives(t)
	l.begin()
	counts := t.TempDir()
	for _, name := range []string{"shop:web", "shop:worker"} {
		l.create(name, child("tick", map[string]string{"BURST": "0", "RATE": strconv.Itoa(load.rate), "COUNTS": counts},
			properties{"numprocesses": load.instances}))
	}
	cutter := newCutter(t, load.cut, func() string { return l.addr })
	through := func() string { return cutter.addr }
	var readers []*logReader
	for i := range load.readers {
		for name, follow := range map[string]func(context.Context, *logReader){
			"websocket":         byWebsocket(through, "shop"),
			"another websocket": byWebsocket(through, "shop"),
			"eventsource":       byEventsource(through, "shop"),
			"gafferctl":         byGafferctl(through, "shop", false),
			"gafferctl -o json": byGafferctl(through, "shop", true),
		} {
			readers = append(readers, &logReader{name: fmt.Sprint(name, " ", i), follow: follow})
		}
	}
	stop := follow(t, readers...)
	for range restarts {
		<-time.After(load.life)
		l.end(syscall.SIGTERM)
		l.begin()
	}
	<-time.After(load.life)
	for _, name := range []string{"shop:web", "shop:worker"} {
		resp, err := http.Post("http://"+l.addr+"/processes/"+name+"/_stop?wait=true", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	all := ticked(t, counts)
	if want := 2 * load.instances * (restarts + 1); len(all) != want {
		t.Errorf("%d instances noted what they wrote, want %d: %v", len(all), want, all)
	}
	for _, r := range readers {
		waitFor(t, r.name+" is at the end", func() bool { return r.at(all) })
	}
	stop()
	late := &logReader{name: "who comes late", next: map[int]int{}, begun: map[int]string{}}
	late.readEvents(t.Context(), late.fromHere(l.addr, "shop")+"&follow=false")
	if !late.at(all) {
		t.Errorf("who comes late finds %v, want %v", late.next, all)
	}
	readers = append(readers, late)
	lines, connections := 0, 0
	for _, n := range all {
		lines += n
	}
	for _, r := range readers {
		r.faultless(t)
		connections += r.connections
	}
	t.Logf("%d lines to %d readers, over %d connections; %d of all were cut", lines, len(readers)-1, connections, cutter.cuts.Load())
	if cutter.cuts.Load() < int64(len(readers)) {
		t.Errorf("only %d connections were cut: this has shown little", cutter.cuts.Load())
	}
}
