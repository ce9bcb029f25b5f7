package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gafferd/gaffer/httpapi/webhooks"
	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/internal/systemd"
	"github.com/gafferd/gaffer/manager"
)

// rewrite replaces a file that a daemon reads.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// answer is what the daemon answers, whatever the status.
func (d *daemon) answer(method, path string) string {
	d.t.Helper()
	r, err := http.NewRequest(method, d.url+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// osPids are those of all that runs, by process.
func (d *daemon) osPids() map[string]string {
	d.t.Helper()
	pids := map[string]string{}
	for _, m := range regexp.MustCompile(`"name":"([^"]+)","os_pid":(\d+)`).FindAllStringSubmatch(d.get("/pids"), -1) {
		pids[m[1]] = m[2]
	}
	return pids
}

// TestReloadRestartsWhatChanged is 200 processes in a file, of which one changes.
func TestReloadRestartsWhatChanged(t *testing.T) {
	const many = 200
	lines := make([]string, many)
	for i := range lines {
		lines[i] = fmt.Sprintf("[process:web%d]\ncmd = sleep 1000\n", i)
	}
	path := file(t, "gaffer.ini", strings.Join(lines, ""))
	d := start(t, nil, path)
	for i := range many {
		d.post(fmt.Sprintf("/processes/web%d/_start?wait=true", i), "") // it runs now, whatever its turn was
	}
	before := d.osPids()

	lines[117] = "[process:web117]\ncmd = sleep 2000\n"
	rewrite(t, path, strings.Join(lines, ""))
	want := `"added":[],"changed":["web117"],"removed":[],"restarted":["web117"],"changes":{"web117":[{"property":"cmd","from":"sleep 1000","to":"sleep 2000"}]}`
	says(t, d.answer("POST", "/_reload?plan=true"), want)
	if after := d.osPids(); !reflect.DeepEqual(before, after) {
		t.Errorf("a plan changed what runs: %v, %v", before, after)
	}
	says(t, d.answer("POST", "/_reload?wait=true"), want)
	after := d.osPids()
	if after["web117"] == before["web117"] || after["web117"] == "" {
		t.Errorf("web117 runs as %q, and was %q", after["web117"], before["web117"])
	}
	delete(before, "web117")
	delete(after, "web117")
	if len(before) != many-1 || !reflect.DeepEqual(before, after) {
		t.Errorf("others were touched:\n%v\n%v", before, after)
	}
}

func TestReloadOfWrongFile(t *testing.T) {
	path := file(t, "gaffer.ini", "[process:web]\ncmd = sleep 1000\n")
	d := start(t, nil, path)
	d.post("/processes?wait=true", `{"name": "mine", "cmd": "sleep 1000"}`)
	d.get("/watch/proc/web/spawn?since=0")
	before := d.osPids()
	for _, c := range []struct {
		text string
		want []string
	}{
		{"[process:web]\ncmd = sleep 1\nnumproceses = 2\n[process:api]\nnumprocesses = x\n", []string{"invalid_configuration",
			path + ":3: [process:web] numproceses: ", path + ":4: [process:api] cmd: ", path + ":5: [process:api] numprocesses: "}},
		{"[process:mine]\ncmd = sleep 1\n", []string{`"conflict"`, path + ":1: [process:mine]: already exists, made over the API"}},
	} {
		rewrite(t, path, c.text)
		says(t, d.answer("POST", "/_reload"), append(c.want, "nothing was changed")...)
		d.signal(syscall.SIGHUP)
		d.stderr.wait(t, `level=ERROR msg="configuration not reloaded, and nothing was changed" problem=.*`+regexp.QuoteMeta(strings.Trim(c.want[len(c.want)-1], " ")))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	says(t, d.answer("POST", "/_reload"), "invalid_configuration", "no such file")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, d.answer("POST", "/_reload"), "invalid_configuration", "not a file that can be read again")
	if after := d.osPids(); len(before) != 2 || !reflect.DeepEqual(before, after) {
		t.Errorf("was %v, is %v", before, after)
	}
}

func TestHangUpReloads(t *testing.T) {
	path := file(t, "gaffer.ini", "[process:old]\ncmd = sleep 1000\n")
	d := start(t, nil, path)
	rewrite(t, path, "[gaffer]\nstate_dir = state\nallow_hosts = a.example\n[process:new]\ncmd = sleep 1000\n")
	d.signal(syscall.SIGHUP)
	d.stderr.wait(t, `configuration reloaded" added=\[new\] changed=\[\] removed=\[old\]`)
	d.stderr.wait(t, `started again" settings="\[allow_hosts state_dir\]"`)
	if got := d.get("/processes"); got != `["new"]`+"\n" {
		t.Errorf("processes %s", got)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), "state")); err == nil {
		t.Error("the state directory was made")
	}
}

func TestHangUpWithoutConfiguration(t *testing.T) {
	d := start(t, nil)
	d.signal(syscall.SIGHUP)
	d.stderr.wait(t, `SIGHUP does nothing: gafferd was started without a configuration file`)
	says(t, d.answer("POST", "/_reload"), `"conflict"`, "without a configuration file")
}

// TestHangUpStorm holds that the file as it is at last is what counts, and that
// SIGTERM is not lost among the others.
func TestHangUpStorm(t *testing.T) {
	path := file(t, "gaffer.ini", "")
	d := start(t, nil, path)
	replace := func(text string) {
		rewrite(t, path+".new", text)
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		d.signal(syscall.SIGHUP)
	}
	for i := range 500 {
		replace(fmt.Sprintf("[process:web]\ncmd = sleep 1000\nnumprocesses = %d\n", i%3))
	}
	replace("[process:last]\ncmd = sleep 1000\n")
	d.stderr.wait(t, `added=\[last\]`)
	if got := d.get("/processes"); got != `["last"]`+"\n" {
		t.Errorf("processes %s", got)
	}
	for range 100 {
		d.signal(syscall.SIGHUP)
	}
	d.signal(syscall.SIGTERM)
	for range 100 {
		d.cmd.Process.Signal(syscall.SIGHUP) // an error: it is gone
	}
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestReloadsFollowEachOther has many ask for a reload while the file changes. The
// last to ask sees the last file, and so does everybody after.
func TestReloadsFollowEachOther(t *testing.T) {
	path := file(t, "gaffer.ini", "")
	d := start(t, nil, path)
	var asking sync.WaitGroup
	for i := range 20 {
		text := fmt.Sprintf("[process:web]\ncmd = sleep 1000\nnumprocesses = %d\n", i%4)
		rewrite(t, path+".new", text)
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		asking.Go(func() { says(t, d.answer("POST", "/_reload"), `"ok":true`) })
	}
	asking.Wait()
	says(t, d.answer("POST", "/_reload?plan=true"), `"added":[],"changed":[],"removed":[]`)
	says(t, d.get("/status/web"), `"numprocesses":3`)
}

func TestNeedRestart(t *testing.T) {
	load := func(text string) *config.Config {
		c, err := config.Load(file(t, "gaffer.ini", text))
		if err != nil {
			t.Fatal(err)
		}
		c.Settings.StateDir = filepath.Base(c.Settings.StateDir) // the folder is another each time
		return c
	}
	running := load("[gaffer]\nhttp_endpoints = a\nstate_dir = s\n[endpoint:a]\nbind = 127.0.0.1:1\n[process:a]\ncmd = a\n")
	for _, c := range []struct{ text, want string }{
		{"[gaffer]\nstate_dir = s\nhttp_endpoints = a\n[endpoint:a]\nbind = 127.0.0.1:1\n[process:b]\ncmd = b\n", ""},
		{"[gaffer]\nstate_dir = other\nrun_history = 3\nhttp_endpoints = a\n[endpoint:a]\nbind = 127.0.0.1:2\n", "state_dir run_history endpoints"},
		{"[gaffer]\nstate_dir = s\n", "endpoints"},
	} {
		if got := strings.Join(needRestart(running, load(c.text)), " "); got != c.want {
			t.Errorf("%q needs a restart for\n%s\nwant %q", got, c.text, c.want)
		}
	}
}

// reloading is a reloader of a file with one process, which is stopped, and its log.
func reloading(t *testing.T) (*reloader, *watched) {
	t.Helper()
	m := manager.New(manager.Options{Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { m.Shutdown(context.Background()) })
	hooks := webhooks.New(webhooks.Options{})
	if err := m.StartApps(hooks); err != nil {
		t.Fatal(err)
	}
	said := newWatched()
	o := options{config: file(t, "gaffer.ini", "[process:web]\ncmd = true\nstart = no\n")}
	r := newReloader(setup{invocation: &invocation{options: o}, config: &config.Config{}, log: slog.New(slog.NewTextHandler(said, nil))}, m, hooks)
	r.begin()
	return r, said
}

// TestReloadIsNotWaitedFor has a file that is never read to its end.
func TestReloadIsNotWaitedFor(t *testing.T) {
	r, _ := reloading(t)
	begun, forever := make(chan struct{}), make(chan struct{})
	defer close(forever)
	r.read = func() (*config.Config, error) {
		close(begun)
		<-forever
		return nil, errors.New("too late")
	}
	hangUps := make(chan os.Signal, 1)
	hangUps <- syscall.SIGHUP
	r.service = &service{log: r.log, notifier: &systemd.Notifier{}}
	reloading := begin(func(ctx context.Context) error { r.onHangUp(ctx, hangUps); return nil })
	<-begun
	reloading.cancel()
	select {
	case <-reloading.done:
	case <-time.After(patience):
		t.Error("the daemon would never stop")
	}
}

// TestReloadThatIsNotKept has the keeper refuse what is in effect now.
func TestReloadThatIsNotKept(t *testing.T) {
	r, said := reloading(t)
	r.keep = func(*config.Config) error { return errors.New("no memory") }
	done, err := r.reload(t.Context(), false)
	if err != nil || len(done.Plan.Added) != 1 {
		t.Errorf("reloaded %+v, %v", done, err)
	}
	says(t, strings.Join(done.Warnings, "\n"), "no memory")
	says(t, said.String(), "configuration reloaded", "no memory")
}
