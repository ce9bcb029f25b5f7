package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDisk has gafferd see a disk of its own of so many bytes in dir, in a
// namespace that ends with it.
func smallDisk(t *testing.T, dir string, size int) setup {
	mount := fmt.Sprintf("mount -t tmpfs -o size=%d tmpfs '%s'", size, dir)
	return mounted(t, mount)
}

// mounted has gafferd begin with a mount, which a shell makes, in a namespace that ends
// with it.
func mounted(t *testing.T, mount string) setup {
	t.Helper()
	isolated := func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
	}
	try := exec.Command("sh", "-c", mount)
	isolated(try)
	if out, err := try.CombinedOutput(); err != nil {
		t.Skipf("%s: no disk can be mounted so here: %v\n%s", mount, err, out)
	}
	return func(cmd *exec.Cmd) {
		shell(mount)(cmd)
		isolated(cmd)
	}
}

// fill takes all the room there is on the disk in dir, and returns what gives
// it back.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDisk has the disk of the state directory be full for a while.
func TestFullDisk(t *testing.T) {
	mounted := t.TempDir()
	d := startWith(t, smallDisk(t, mounted, 64<<20), "--state-dir", mounted)
	state := filepath.Join("/proc", fmt.Sprint(d.cmd.Process.Pid), "root", mounted)
	web := d.run("shop:web", child("tick", map[string]string{"BURST": "0", "RATE": "500"}, nil))
	reader := &logReader{name: "reader", follow: byEventsource(func() string { return d.addr() }, "shop")}
	stop := follow(t, reader)
	log := filepath.Join(state, "logs", "shop", "shop:web", fmt.Sprint(web)+".log")
	waitFor(t, "the output is on disk", func() bool { info, err := os.Stat(log); return err == nil && info.Size() > 0 })

	empty := fill(t, state)
	watch := d.watch("?since=0")
	defer watch.close()
	if e := watch.until(func(e event) bool { return strings.HasPrefix(e.Event, "log_") }); e.Event != "log_failed" || !strings.Contains(e.Reason, "no space left") {
		t.Errorf("the event is %+v", e)
	}
	// Live readers get what comes, and what is asked for happens.
	goesOn := func(what string) {
		t.Helper()
		reader.mu.Lock()
		was := reader.next[web]
		reader.mu.Unlock()
		waitFor(t, what, func() bool {
			reader.mu.Lock()
			defer reader.mu.Unlock()
			return reader.next[web] > was+500
		})
	}
	goesOn("the reader goes on while the disk is full")
	a := d.do("POST", "/processes?wait=true", describeProcess("shout", script("yes $(printf %01000d 0) | head -c 40000000; echo; echo last; exec sleep 1000", nil)))
	if a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"ok":true,"saved":false}` {
		t.Errorf("the answer to a create is %d %s", a.status, a.body)
	}
	shout := d.pids("shout")[0]
	waitFor(t, "it has said its last word", func() bool {
		return strings.HasSuffix(d.ok("GET", fmt.Sprintf("/streams/%d/stdout?tail=1&timeout=1", shout), "").body, "last\n")
	})
	if now := d.pids("shop:web"); len(now) != 1 || now[0] != web {
		t.Errorf("pid %d is now %v", web, now)
	}

	empty()
	if e := watch.until(func(e event) bool { return strings.HasPrefix(e.Event, "log_") }); e.Event != "log_resumed" {
		t.Errorf("the event is %+v", e)
	}
	goesOn("the reader goes on when there is room again")
	waitFor(t, "what was missed is on disk, and what was not", func() bool {
		var text strings.Builder
		files, _ := filepath.Glob(filepath.Join(state, "logs", "shout", "shout", fmt.Sprint(shout)+".*log"))
		for _, file := range files {
			data, _ := os.ReadFile(file)
			text.Write(data)
		}
		return strings.Contains(text.String(), "bytes of stdout were not logged\n") && strings.Contains(text.String(), " stdout F last\n")
	})
	waitFor(t, "the process is saved", func() bool {
		data, _ := os.ReadFile(filepath.Join(state, "templates.json"))
		return strings.Contains(string(data), `"shout"`)
	})
	d.ok("POST", "/processes/shop:web/_stop?wait=true", "")
	waitFor(t, "all of the other process is on disk", func() bool {
		reader.mu.Lock()
		last := fmt.Sprintf("line %d of", reader.next[web]-1)
		reader.mu.Unlock()
		data, _ := os.ReadFile(log)
		return strings.Contains(string(data), last)
	})
	stop()
	reader.faultless(t)
	if n := strings.Count(d.logged(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, d.logged())
	}
}
