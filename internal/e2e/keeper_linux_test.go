package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestWorkerHangs stops the worker in its tracks: it is found out, and replaced.
func TestWorkerHangs(t *testing.T) {
	heavy(t)
	torture{children: 3, writers: 2, changers: 1, times: 1, pause: 1}.run(t, func(d *daemon) {
		worker := d.worker()
		if err := syscall.Kill(worker, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "another worker is there", func() bool { now := d.worker(); return now != 0 && now != worker })
		if events := d.ok("GET", "/watch/worker?since=0", "").body; !strings.Contains(events, `"reason":"no heartbeat"`) {
			t.Errorf("events: %s", events)
		}
	})
}

// TestLastWordsOverWorker kills the worker just after an instance has ended: its end is
// recorded, and what it had said last is not yet on disk.
func TestLastWordsOverWorker(t *testing.T) {
	l := newLives(t)
	l.begin()
	pids := make(map[string]int)
	for _, name := range []string{"one", "two", "three"} {
		l.create(name, script("echo first; read line; echo last", properties{"redirect_input": true, "restart": "never"}))
		pids[name] = l.pids(name, 1)[0]
		l.waitForLogs(name, 1, pids[name])
		worker := workerOf(l.cmd.Process.Pid)
		l.call("POST", fmt.Sprintf("/streams/%d/stdin", pids[name]), "go\n")
		waitFor(t, "it has ended", func() bool { return l.call("GET", "/processes?running=1", "") == "[]\n" })
		if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "another worker is there", func() bool {
			now := workerOf(l.cmd.Process.Pid)
			return now != 0 && now != worker
		})
	}
	l.end(syscall.SIGTERM)
	for name, pid := range pids {
		if n := l.tickedOnDisk(name, pid); n != 2 {
			t.Errorf("%d of 2 lines of %s are on disk", n, name)
		}
	}
}

// killKeeper kills what is not to die, and nothing but that.
func (d *daemon) killKeeper() {
	d.t.Helper()
	d.killed = true
	if err := d.cmd.Process.Kill(); err != nil {
		d.t.Fatal(err)
	}
}

// TestKeeperIsKilled holds that all ends then, and that a clean daemon can begin.
func TestKeeperIsKilled(t *testing.T) {
	d := start(t, "--state-dir", t.TempDir())
	d.create("web", script("trap 'sleep 0.3; exit' TERM; sleep 1000 & wait", nil))
	d.create("deep", script("setsid sleep 1000 & sleep 1000", nil))
	d.killKeeper()
	<-d.exited
	waitFor(t, "nothing is left", func() bool { return len(marked("E2E_MARK="+d.mark)) == 0 })
	if log := d.logged(); !strings.Contains(log, "the keeper is gone") {
		t.Errorf("it does not say why: %s", log)
	}
	next := start(t, "--bind", d.addr())
	next.ok("GET", "/ping", "")
}

// TestSuccessorWaits begins a daemon while the worker of one whose keeper was
// killed still stops its processes: it answers /ping meanwhile, and runs nothing
// before all is gone.
func TestSuccessorWaits(t *testing.T) {
	l := newLives(t)
	l.begin()
	l.create("web", script("trap 'exec sleep 2' TERM; echo up; sleep 1000 & wait", nil))
	l.call("GET", "/streams/1/stdout?since=0", "") // it is up
	first := l.cmd
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	l.spawn()
	status := func(path string) (int, string) {
		resp, err := http.Get("http://" + l.addr + path)
		if err != nil {
			return 0, ""
		}
		resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Retry-After")
	}
	waitFor(t, "the next one is there, and waits", func() bool {
		code, after := status("/processes")
		return code == 503 && after != ""
	})
	if code, _ := status("/ping"); code != 200 {
		t.Errorf("/ping is answered with %d while it waits", code)
	}
	most := 0
	l.listens(func() { most = max(most, len(marked("E2E_MARK="+l.mark, "GAFFER_NAME=web", "GAFFER_INDEX=1"))) })
	first.Wait()
	waitFor(t, "the process runs", func() bool { return l.call("GET", "/processes?running=1", "") == "[2]\n" })
	if most > 2 { // the shell and its sleep
		t.Errorf("%d processes ran at once", most)
	}
}

// TestAsPID1 runs the daemon as the first process of a pid namespace, as in a
// container: it reaps what loses its parent, and ends with its essential process.
func TestAsPID1(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a pid namespace")
	}
	file := filepath.Join(t.TempDir(), "gaffer.yaml")
	config := `
processes:
  main:
    cmd: "for i in 1 2 3; do (setsid true &); done; read line; exit 7"
    shell: true
    redirect_input: true
    restart: never
    essential: true
  helper:
    cmd: sleep 1000
`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	d := startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"}, append(cmd.Args, file)...)
		cmd.Path = tool(t, "unshare")
	})
	d.killed = true // in the end it has an exit code
	waitFor(t, "all runs", func() bool { return d.ok("GET", "/processes?running=1", "").body == "[1,2]\n" })
	keeper := childrenOf(d.cmd.Process.Pid)
	if len(keeper) != 1 {
		t.Fatalf("unshare has the children %v", keeper)
	}
	waitFor(t, "orphans are reaped", func() bool {
		for _, pid := range childrenOf(keeper[0]) {
			if text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); strings.Contains(string(text), ") Z ") {
				return false
			}
		}
		return true
	})
	d.ok("POST", "/streams/1/stdin", "go\n")
	<-d.exited
	if code := d.cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit code %d, want that of the essential process\n%s", code, d.logged())
	}
}

// TestSurvivorsAreStopped kills keeper and worker at once, so that nobody is left
// to stop anything. The next daemon does, also what has cleared its environment
// or left its session, before it starts anything.
func TestSurvivorsAreStopped(t *testing.T) {
	l := newLives(t)
	l.begin()
	l.create("web", script("setsid sleep 1000 & exec sleep 1000", nil))
	l.create("clear", properties{"cmd": "env -i sleep 1001.25"})
	l.create("left", properties{"cmd": "sleep 1000", "detach": true})
	survivors := append(marked("E2E_MARK="+l.mark, "GAFFER_NAME=web"), running(t, "1001.25")...)
	detached := marked("E2E_MARK="+l.mark, "GAFFER_NAME=left")
	waitFor(t, "who runs is known on disk", func() bool {
		text, _ := os.ReadFile(filepath.Join(l.state, "running.json"))
		return strings.Count(string(text), ":") > 2+4
	})
	d := daemon{cmd: l.cmd}
	worker := d.worker()
	_ = syscall.Kill(worker, syscall.SIGSTOP)
	l.end(syscall.SIGKILL)
	_ = syscall.Kill(worker, syscall.SIGKILL)
	if len(survivors) != 3 || len(detached) != 1 {
		t.Fatalf("survivors %v, detached %v", survivors, detached)
	}
	l.begin()
	for _, pid := range survivors {
		if syscall.Kill(pid, 0) == nil && environ(pid, "HOME") != "" {
			t.Errorf("%d is still there", pid)
		}
	}
	waitFor(t, "each runs once", func() bool {
		return len(marked("E2E_MARK="+l.mark, "GAFFER_NAME=web")) == 2 && len(running(t, "1001.25")) == 1
	})
	if syscall.Kill(detached[0], 0) != nil {
		t.Error("what was detached is gone")
	}
}

// running are the processes that have an argument.
func running(t *testing.T, arg string) (pids []int) {
	t.Helper()
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		args := strings.Split(string(text), "\x00")
		if len(args) > 1 && args[0] != "env" && slices.Contains(args, arg) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			pids = append(pids, pid)
		}
	}
	return pids
}
