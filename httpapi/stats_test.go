package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

func TestUnreadableStats(t *testing.T) {
	one := manager.InstanceStats{PID: 1, Stats: process.Stats{PID: 10, CPU: 2.5, Mem: 1.5, RSS: 9 << 20, VMS: 1 << 30, CPUSeconds: 61.5}}
	two := manager.InstanceStats{PID: 2, Stats: process.Stats{PID: 11, CPU: 1, Mem: 0.5, RSS: 512}}
	text := string(marshal(statsObject("web", []manager.InstanceStats{one, two}, new(visitor))))
	for _, want := range []string{`"cpu":3.5,"max_cpu":2.5,"min_cpu":1`, `"mem":2,"max_mem":1.5,"min_mem":0.5`,
		`"mem_info1":"9M","mem_info2":"1G","ctime":"1:01.50"`, `"mem_info1":"512B"`, `"rss":9437184`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	two.Unreadable = []string{"CPU", "RSS", "NumFDs", "Username"}
	text = string(marshal(statsObject("web", []manager.InstanceStats{one, two}, new(visitor))))
	for _, want := range []string{`"cpu":"N/A","max_cpu":"N/A","min_cpu":"N/A"`, `"mem":2`, `"mem_info1":"N/A"`, `"rss":null`, `"num_fds":null`, `"username":"N/A"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	var v any
	if err := json.Unmarshal(marshal(statsObject("web", nil, new(visitor))), &v); err != nil {
		t.Error(err)
	}
}

// measuring is a launcher that counts how often each of its children is measured,
// which is when its descendants are asked for while it runs.
type measuring struct {
	process.Launcher

	mu    sync.Mutex
	count map[int]int // by the system's pid
}

func (l *measuring) Launch(c process.Command) (process.Child, error) {
	child, err := l.Launcher.Launch(c)
	if err != nil {
		return nil, err
	}
	return &measuredChild{child, l}, nil
}

// measured is how often a child has been measured.
func (l *measuring) measured(pid int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count[pid]
}

type measuredChild struct {
	process.Child
	launcher *measuring
}

func (c *measuredChild) Descendants() ([]int, error) {
	c.launcher.mu.Lock()
	c.launcher.count[c.Pid()]++
	c.launcher.mu.Unlock()
	return c.Child.Descendants()
}

func TestStatsOfOneInstance(t *testing.T) {
	local, err := process.NewLocalLauncher(process.LauncherOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	launcher := &measuring{Launcher: local, count: make(map[int]int)}
	d := newDaemonOf(t, manager.Options{Launcher: launcher}, Options{})
	d.create(child("web", "hang", "numprocesses", 2))
	other := d.create(child("other", "hang"))
	instances, err := d.manager.InstancesOf("web")
	if err != nil || len(instances) != 2 {
		t.Fatalf("instances: %v %v", instances, err)
	}
	one, neighbour := instances[0], instances[1]
	path := fmt.Sprintf("/stats/web/%d", one.PID)
	d.want(200, "GET", path, "")
	d.want(200, "GET", path, "")
	// What a measurement tells of the CPU is since the one before.
	if n := launcher.measured(one.OSPid); n != 2 {
		t.Errorf("measured %d times, want 2", n)
	}
	if n := launcher.measured(neighbour.OSPid); n != 0 {
		t.Errorf("its neighbour was measured %d times for it", n)
	}

	for _, c := range []struct {
		name   string
		pid    int
		reason string
	}{
		{"web", other, fmt.Sprintf("pid %d of web: not found", other)},
		{"web", 99, "pid 99 of web: not found"},
		{"nothing", one.PID, `process "nothing" not found`},
	} {
		a := d.want(404, "GET", fmt.Sprintf("/stats/%s/%d", c.name, c.pid), "")
		if p := decode[problemBody](t, a); p.Error != "not_found" || p.Reason != c.reason {
			t.Errorf("pid %d of %s: %+v, want %s", c.pid, c.name, p, c.reason)
		}
	}

	feed := d.open(path + "?feed=continuous&interval=0.1")
	d.want(200, "DELETE", fmt.Sprintf("/processes/%d", one.PID), "")
	if _, err := io.Copy(io.Discard, feed.Body); err != nil {
		t.Errorf("the feed of one that has ended did not end properly: %v", err)
	}
	if n := launcher.measured(neighbour.OSPid); n != 0 {
		t.Errorf("its neighbour was measured %d times for its feed", n)
	}
}
