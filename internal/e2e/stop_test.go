package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// TestStopLeavesNothing stops a process whose 200 descendants have forked twice,
// lead sessions of their own, have other parents and ignore SIGTERM.
func TestStopLeavesNothing(t *testing.T) {
	heavy(t)
	d := start(t)
	const litter = `trap "" TERM; for i in $(seq 200); do (setsid sleep 1000 >/dev/null &); done; echo ready; sleep 1000`
	pid := d.run("litter", script(litter, properties{"graceful_timeout": 2}))
	if line := readLine(t, d.follow(fmt.Sprintf("/streams/%d/stdout?feed=continuous&since=0", pid)).Body); line != "ready" {
		t.Fatal(line)
	}
	ours := func() []int { return marked("E2E_MARK="+d.mark, "GAFFER_NAME=litter") }
	waitFor(t, "200 descendants and their ancestors", func() bool { return len(ours()) >= 201 })

	// graceful_timeout and one second more.
	a := d.ok("POST", "/processes/litter/_stop?wait=3", "")
	var answer struct{ Done *bool }
	if err := json.Unmarshal([]byte(a.body), &answer); err != nil || answer.Done != nil {
		t.Errorf("the stop took too long: %s", a.body)
	}
	if left := ours(); len(left) > 0 {
		t.Errorf("%d are left: %s", len(left), describe(left[:min(5, len(left))]))
	}
}

// TestLastRequestWins throws requests at one template, all at once, and then
// looks whether what runs is what was asked for last.
func TestLastRequestWins(t *testing.T) {
	heavy(t)
	for _, last := range []string{"_stop", "_start", "_restart", "_scale/2"} {
		t.Run(last, func(t *testing.T) {
			d := start(t)
			d.create("web", script("exec sleep 1000", properties{"numprocesses": 2, "backoff": properties{"initial": 0}}))
			watch := d.watch("?since=0")
			actions := []string{"_start", "_stop", "_restart", "_scale/0", "_scale/1", "_scale/3", "_scale/5", "_add", "_sub"}
			var wg sync.WaitGroup
			for range 200 {
				action := actions[rand.N(len(actions))]
				wg.Go(func() {
					if a, err := d.try("POST", "/processes/web/"+action, nil); err != nil || a.status != http.StatusOK {
						t.Errorf("%s: %d %s %v", action, a.status, a.body, err)
					}
				})
			}
			wg.Wait()
			active, number := replay(watch, d)
			if now := d.status("web"); now.Active != active || now.NumProcesses != number {
				t.Errorf("the events end in active %v and %d instances, the status is %+v", active, number, now)
			}

			d.ok("POST", "/processes/web/"+last+"?wait=true", "")
			switch last {
			case "_stop":
				active = false
			case "_start", "_restart":
				active = true
			default:
				number = 2
			}
			if !active {
				number = 0
			}
			if now := d.status("web"); now.Active != active || now.Running != number {
				t.Errorf("after %s: %+v, want active %v and %d running", last, now, active, number)
			}
			checkInstances(t, d, "web", number)
		})
	}
}

// replay follows the events up to now and tells what the last ones asked for.
func replay(watch *events, d *daemon) (active bool, number int) {
	d.t.Helper()
	d.create("end-of-the-storm", properties{"cmd": "true", "start": false})
	watch.until(func(e event) bool {
		if e.Name == "web" {
			switch e.Event {
			case "start", "restart":
				active = true
			case "stop":
				active = false
			}
		}
		return e.Event == "create" && e.Name == "end-of-the-storm"
	})
	var p struct{ NumProcesses int }
	d.get("/processes/web", &p)
	return active, p.NumProcesses
}

// checkInstances looks in the kernel's list of processes for exactly the
// instances 1 … n of a process.
func checkInstances(t *testing.T, d *daemon, name string, n int) {
	t.Helper()
	var want []int
	for i := range n {
		want = append(want, i+1)
	}
	// One that executes another program just now has no environment for a moment.
	waitFor(t, fmt.Sprintf("the instances %v of %s run", want, name), func() bool {
		pids := marked("E2E_MARK="+d.mark, "GAFFER_NAME="+name)
		var index []int
		for _, pid := range pids {
			i, _ := strconv.Atoi(environ(pid, "GAFFER_INDEX"))
			index = append(index, i)
		}
		slices.Sort(index)
		if len(index) > n {
			t.Fatalf("the instances %v of %s run, want %v: %s", index, name, want, describe(pids))
		}
		return slices.Equal(index, want)
	})
}

// TestStopDuringBackoff stops a process that waits to be started again. Another
// one, whose wait is longer, tells when it would have been.
func TestStopDuringBackoff(t *testing.T) {
	d := start(t)
	exits := d.watch("/exit")
	crash := properties{"cmd": "false", "backoff": properties{"initial": 0.2, "max": 0.2}}
	d.ok("POST", "/processes", describeProcess("crash", crash))
	for range 3 { // the first restart is immediate
		exits.until(func(e event) bool { return e.Name == "crash" })
	}
	d.ok("POST", "/processes/crash/_stop?wait=true", "")
	before := len(d.exits("crash"))

	d.create("later", script("sleep 1", properties{"restart": "never"}))
	exits.until(func(e event) bool { return e.Name == "later" })
	if now := d.status("crash"); now.Active || now.Running != 0 {
		t.Errorf("a stopped process came back: %+v", now)
	}
	if after := len(d.exits("crash")); after != before {
		t.Errorf("it ended %d times more", after-before)
	}
}

// TestKilledChildIsReplaced kills a child behind the daemon's back.
func TestKilledChildIsReplaced(t *testing.T) {
	d := start(t)
	pid := d.run("web", properties{"cmd": "sleep 1000"})
	watch := d.watch("/proc/web")
	var instance struct {
		OSPid int `json:"os_pid"`
	}
	d.get(fmt.Sprint("/processes/", pid), &instance)
	if err := syscall.Kill(instance.OSPid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	exit := watch.until(func(e event) bool { return e.Event == "proc.web.exit" })
	if exit.PID != pid || exit.OSPid != instance.OSPid || exit.TermSignal != 9 || exit.ExitStatus != 0 || exit.Reason == "" {
		t.Errorf("the exit event is %+v", exit)
	}
	spawn := watch.until(func(e event) bool { return e.Event == "proc.web.spawn" })
	if spawn.PID == pid || spawn.OSPid == instance.OSPid {
		t.Errorf("the successor is %+v", spawn)
	}
	if e := d.exits("web"); len(e) != 1 || e[0].TermSignal != 9 || e[0].Reason == "" {
		t.Errorf("_exits says %+v", e)
	}
	checkInstances(t, d, "web", 1)
}

// TestPipeHeldOpen has somebody whom the daemon cannot know of keep the output
// open: this test. Neither the end of the stream nor the successor waits for it.
func TestPipeHeldOpen(t *testing.T) {
	d := start(t)
	watch := d.watch("/proc/web")
	pid := d.run("web", script("read -r _; echo last; exit 3", properties{"redirect_input": true}))
	spawn := watch.until(func(e event) bool { return e.Event == "proc.web.spawn" })
	held, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/1", spawn.OSPid), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	resp := d.follow(fmt.Sprintf("/streams/%d/stdout?feed=continuous", pid))
	d.input(pid, "end\n")
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "last\n" {
		t.Errorf("the response was %q, %v", got, err)
	}
	if exit := watch.until(func(e event) bool { return e.Event == "proc.web.exit" }); exit.PID != pid || exit.ExitStatus != 3 {
		t.Errorf("the exit event is %+v", exit)
	}
	if spawn := watch.until(func(e event) bool { return e.Event == "proc.web.spawn" }); spawn.PID == pid {
		t.Errorf("the successor is %+v", spawn)
	}
}

// TestGrandchildIsEndedWithItsLeader has a grandchild, in a session of its own,
// hold the output open.
func TestGrandchildIsEndedWithItsLeader(t *testing.T) {
	d := start(t)
	exits := d.watch("/exit")
	pid := d.run("web", script("setsid sleep 1000 & echo $!; read -r _", properties{"redirect_input": true, "restart": "never"}))
	resp := d.follow(fmt.Sprintf("/streams/%d/stdout?feed=continuous&since=0", pid))
	grandchild, err := strconv.Atoi(readLine(t, resp.Body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(grandchild, syscall.SIGKILL) })
	d.input(pid, "end\n")
	exits.next()
	waitFor(t, "the grandchild is gone", func() bool { return syscall.Kill(grandchild, 0) == syscall.ESRCH })
}
