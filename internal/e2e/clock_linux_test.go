package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// clocked builds a gafferd whose clock a test can set: a file says by how many
// seconds it is wrong. Only the time of day is, as when somebody sets it.
func clocked(t *testing.T) (program, clock string) {
	t.Helper()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	original := filepath.Join(strings.TrimSpace(string(goroot)), "src", "time", "time.go")
	source, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	const read = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	text := strings.Replace(string(source), read, read+"\tsec += Wrong\n", 1)
	if text == string(source) {
		t.Skip("this version of Go reads the clock in another way")
	}
	files := map[string]string{
		original: text + "\n// Wrong is by how much the clock is.\nvar Wrong int64\n",
		filepath.Join(root, "cmd", "gafferd", "clock.go"): `package main

import (
	"os"
	"strconv"
	"time"
)

func init() {
	go func() {
		for {
			text, _ := os.ReadFile(os.Getenv("E2E_CLOCK"))
			if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
				time.Wrong = n
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
}
`,
	}
	overlay := map[string]string{}
	for path, content := range files {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		overlay[path] = filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(overlay[path], []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o600); err != nil {
		t.Fatal(err)
	}
	program, clock = filepath.Join(dir, "gafferd"), filepath.Join(dir, "clock")
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "./cmd/gafferd")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program, clock
}

// TestClockJumps sets the clock of a running daemon an hour forth and two hours
// back. What runs goes on, readers miss nothing, waits take as long as ever, and
// the next daemon goes on where this one was, at whatever time it thinks it is.
func TestClockJumps(t *testing.T) {
	heavy(t)
	program, clock := clocked(t)
	dir := t.TempDir()
	set := func(seconds int) {
		t.Helper()
		if err := os.WriteFile(clock, fmt.Append(nil, seconds), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set(0)
	change := func(cmd *exec.Cmd) {
		cmd.Path = program
		cmd.Env = append(cmd.Env, "E2E_CLOCK="+clock)
	}
	d := startWith(t, change, "--state-dir", dir)
	at := func() string { return d.ok("GET", "/watch?since=0&timeout=1", "").header.Get("Date") }
	web := d.run("shop:web", child("tick", map[string]string{"BURST": "0", "RATE": "500"}, nil))
	d.run("crashing", script("sleep 0.05; exit 1", properties{"backoff": properties{"initial": 0.05, "max": 0.1}}))
	reader := &logReader{name: "reader", follow: byEventsource(func() string { return d.addr() }, "shop")}
	stop := follow(t, reader)
	goesOn := func(what string) {
		t.Helper()
		reader.mu.Lock()
		was := reader.next[web]
		reader.mu.Unlock()
		exits := d.exits("crashing")
		last := 0
		if len(exits) > 0 {
			last = exits[len(exits)-1].PID
		}
		waitFor(t, what, func() bool {
			reader.mu.Lock()
			defer reader.mu.Unlock()
			now := d.exits("crashing")
			return reader.next[web] > was+500 && len(now) > 0 && now[len(now)-1].PID > last+2
		})
	}
	goesOn("all is well")
	for _, wrong := range []int{3600, -3600, 0} {
		before := at()
		set(wrong)
		waitFor(t, "the daemon's clock is another", func() bool { return at()[:22] != before[:22] })
		goesOn(fmt.Sprintf("all goes on with a clock that is wrong by %d seconds", wrong))
		a := d.ok("POST", "/processes?wait=true", describeProcess(fmt.Sprint("at", wrong), properties{"cmd": "sleep 1000"}))
		if strings.TrimSpace(a.body) != `{"ok": true}` {
			t.Errorf("a create is answered with %s", a.body)
		}
		d.ok("POST", "/processes/crashing/_restart?wait=true", "")
		if got := d.ok("GET", "/apps/shop/logs?n=5", "").body; strings.Count(got, "\n") != 5 {
			t.Errorf("the last five lines are %q", got)
		}
	}
	if now := d.pids("shop:web"); len(now) != 1 || now[0] != web {
		t.Errorf("pid %d is now %v", web, now)
	}
	set(-3600) // the next daemon finds files of the future
	d.stop()
	d = startWith(t, change, "--state-dir", dir)
	for _, name := range []string{"shop:web", "at3600", "at-3600", "at0"} {
		waitFor(t, name+" runs again, under a pid that is new", func() bool {
			pids := d.pids(name)
			return len(pids) == 1 && pids[0] > web
		})
	}
	web = d.pids("shop:web")[0]
	waitFor(t, "the reader goes on with the next daemon", func() bool {
		reader.mu.Lock()
		defer reader.mu.Unlock()
		return reader.next[web] > 500
	})
	stop()
	reader.faultless(t)
}
