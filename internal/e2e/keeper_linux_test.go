package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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
	waitFor(t, "/ping is answered", func() bool {
		resp, err := http.Get("http://" + l.addr + "/ping")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil && resp.StatusCode == 200
	})
	resp, err := http.Get("http://" + l.addr + "/processes")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("while it waits it answers %s", resp.Status)
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
	d.ok("POST", "/streams/1/stdin", "go\n")
	<-d.exited
	if code := d.cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit code %d, want that of the essential process\n%s", code, d.logged())
	}
}
