package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// lives are one gafferd after the other, with the same state and address.
type lives struct {
	t     *testing.T
	state string
	addr  string
	mark  string
	alone bool // one process, with which everything ends
	cmd   *exec.Cmd
	log   *os.File
	from  int64 // where in the log this life begins
}

func newLives(t *testing.T) *lives {
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	l := &lives{t: t, state: filepath.Join(t.TempDir(), "state"), addr: "127.0.0.1:0", mark: fmt.Sprint("lives", rand.Int64()), log: log}
	t.Cleanup(func() {
		if l.cmd.ProcessState == nil {
			l.end(syscall.SIGTERM)
		}
		for _, pid := range marked("E2E_MARK=" + l.mark) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("log:\n%s", lastLines(string(text), 40))
		}
	})
	return l
}

// begin begins the next life, and returns when it serves.
func (l *lives) begin() {
	l.t.Helper()
	l.spawn()
	l.listens(func() {})
}

// spawn begins the next life.
func (l *lives) spawn() {
	l.t.Helper()
	l.from, _ = l.log.Seek(0, io.SeekEnd)
	l.cmd = exec.Command(filepath.Join(bin, "gafferd"), "--bind", l.addr, "--state-dir", l.state)
	if l.alone {
		l.cmd.Args = append(l.cmd.Args, "--no-keeper")
	}
	l.cmd.Env = append(os.Environ(), "E2E_MARK="+l.mark)
	l.cmd.Stderr = l.log
	if err := l.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
}

// listens waits until it serves, and calls meanwhile again and again.
func (l *lives) listens(meanwhile func()) {
	l.t.Helper()
	waitFor(l.t, "gafferd listens", func() bool {
		meanwhile()
		text, _ := os.ReadFile(l.log.Name())
		m := greeting.FindSubmatch(text[l.from:])
		if m != nil && strings.HasSuffix(l.addr, ":0") { // the first of all; then readers look at it
			l.addr = strings.TrimPrefix(string(m[1]), "http://")
		}
		return m != nil
	})
}

func (l *lives) end(sig syscall.Signal) {
	l.t.Helper()
	_ = l.cmd.Process.Signal(sig)
	if err := l.cmd.Wait(); err != nil && sig != syscall.SIGKILL {
		l.t.Errorf("gafferd ended with %v", err)
	}
}

func (l *lives) create(name string, p properties) {
	l.t.Helper()
	resp, err := http.Post("http://"+l.addr+"/processes?wait=true", "application/json", strings.NewReader(describeProcess(name, p)))
	if err != nil {
		l.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		l.t.Fatalf("create: %s", resp.Status)
	}
}

// get asks for something and fails the test if it is not there.
func (l *lives) get(path string, into any) {
	l.t.Helper()
	resp, err := http.Get("http://" + l.addr + path)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode != 200 {
		l.t.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
}
