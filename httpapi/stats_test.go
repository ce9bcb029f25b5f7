package httpapi

import (
	"encoding/json"
	"strings"
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
