package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// onReplacement runs a test with both ways in which a worker is replaced.
func onReplacement(t *testing.T, test func(t *testing.T, replace func(*daemon))) {
	t.Run("Killed", func(t *testing.T) { test(t, (*daemon).replaceWorker) })
	t.Run("Upgraded", func(t *testing.T) { test(t, (*daemon).upgrade) })
}

// upgrade replaces the worker by one of the same program.
func (d *daemon) upgrade() {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if _, err := d.client().Upgrade(ctx, filepath.Join(bin, "gafferd")); err != nil {
		d.t.Fatal(err)
	}
}

// TestBackgroundIsReplaced replaces the worker of a daemon that has gone to the
// background: its log and its pid file are those of the keeper.
func TestBackgroundIsReplaced(t *testing.T) {
	onReplacement(t, func(t *testing.T, replace func(*daemon)) {
		dir := t.TempDir()
		log, pidFile := filepath.Join(dir, "log"), filepath.Join(dir, "pid")
		cmd := exec.Command(filepath.Join(bin, "gafferd"), "--daemon", "--bind", "127.0.0.1:0", "--pidfile", pidFile, "--log-file", log)
		out, err := cmd.CombinedOutput()
		m := greeting.FindSubmatch(out)
		if err != nil || m == nil {
			t.Fatalf("%v: %s", err, out)
		}
		text, err := os.ReadFile(pidFile)
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		keeper, err := os.FindProcess(pid)
		if err != nil {
			t.Fatal(err)
		}
		gone := func() bool { return errors.Is(keeper.Signal(syscall.Signal(0)), os.ErrProcessDone) }
		t.Cleanup(func() {
			if !gone() {
				_ = keeper.Kill()
			}
		})
		d := &daemon{t: t, url: string(m[1]), cmd: &exec.Cmd{Process: keeper}}
		d.create("web", properties{"cmd": "sleep 1000"})
		before := d.instances("web")
		for n := 2; n < 4; n++ {
			replace(d)
			waitFor(t, "it is logged", func() bool {
				text, _ := os.ReadFile(log)
				return strings.Contains(string(text), "the worker was replaced") && strings.Contains(string(text), fmt.Sprint("worker=", n))
			})
			if after := d.instances("web"); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("%v runs, and %v did", after, before)
			}
		}
		if now, err := os.ReadFile(pidFile); string(now) != string(text) {
			t.Errorf("the pid file says %q, %v, and said %q", now, err, text)
		}
		if err := keeper.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "it ends", gone)
		if _, err := os.Stat(pidFile); err == nil {
			t.Error("the pid file is left behind")
		}
	})
}

// startTalking starts a program that is written to and answers in lines. What it
// prints to stderr is in problems once it has ended.
func startTalking(t *testing.T, cmd *exec.Cmd) (in io.WriteCloser, lines *bufio.Scanner, problems *bytes.Buffer) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	problems = new(bytes.Buffer)
	cmd.Stderr = problems
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return in, bufio.NewScanner(out), problems
}

// TestRunIsReplaced has gafferctl run a program that writes back what it reads,
// while the worker is replaced.
func TestRunIsReplaced(t *testing.T) {
	onReplacement(t, func(t *testing.T, replace func(*daemon)) {
		d := start(t)
		cmd := exec.Command(filepath.Join(bin, "gafferctl"), "--connect", d.url, "run", "--", "bash", "-c", "cat; exit 7")
		in, lines, problems := startTalking(t, cmd)
		n := 0
		talk := func(times int) {
			for range times {
				fmt.Fprintln(in, "line", n)
				if !lines.Scan() || lines.Text() != fmt.Sprint("line ", n) {
					t.Fatalf("line %d comes back as %q, %v\n%s", n, lines.Text(), lines.Err(), problems)
				}
				n++
			}
		}
		talk(100)
		for range 2 {
			replace(d)
			talk(100)
		}
		in.Close()
		if lines.Scan() {
			t.Errorf("in the end comes %q", lines.Text())
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
			t.Errorf("%v, want the program's exit code 7\n%s", err, problems)
		}
	})
}

// sse is a page's EventSource: it comes again, with the id of the last event.
type sse struct {
	t      *testing.T
	url    string
	last   string
	body   io.ReadCloser
	lines  *bufio.Scanner
	opened int
}

// next is the data of the next event.
func (s *sse) next() string {
	s.t.Helper()
	data, id := "", ""
	for end := time.Now().Add(limit); time.Now().Before(end); {
		if s.body == nil {
			s.open()
			data, id = "", ""
			continue
		}
		if !s.lines.Scan() {
			s.close() // what was not completed does not count
			continue
		}
		switch field, value, _ := strings.Cut(s.lines.Text(), ": "); field {
		case "data":
			data = value
		case "id":
			id = value
		case "":
			if data != "" {
				s.last = id
				return data
			}
		}
	}
	s.t.Fatalf("%s: nothing comes after the event %s", s.url, s.last)
	return ""
}

func (s *sse) open() {
	req, err := http.NewRequest("GET", s.url, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	if s.last != "" {
		req.Header.Set("Last-Event-ID", s.last)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return // it is tried again
	}
	if resp.StatusCode != 200 {
		s.t.Fatalf("%s: %s", s.url, resp.Status)
	}
	s.body, s.lines = resp.Body, bufio.NewScanner(resp.Body)
	s.opened++
}

func (s *sse) close() {
	if s.body != nil {
		s.body.Close()
		s.body = nil
	}
}

// TestEventSourcesComeAgain has pages follow a stream, the logs of an app and the
// events. Each sees everything once.
func TestEventSourcesComeAgain(t *testing.T) {
	onReplacement(t, func(t *testing.T, replace func(*daemon)) {
		d := start(t)
		pid := d.run("ticks", child("tick", map[string]string{"BURST": "10", "RATE": "100"}, nil))
		tick := func(text string) int {
			n, _, err := tickOf(text)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		logLine := func(data string) int {
			var message struct{ Log string }
			if err := json.Unmarshal([]byte(data), &message); err != nil {
				t.Fatal(err)
			}
			_, text, _ := strings.Cut(message.Log, "] ")
			return tick(strings.TrimSpace(text))
		}
		unnamed := 0
		seq := func(data string) int {
			var e event
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				t.Fatal(err)
			}
			n := int(e.Seq) - unnamed
			if e.Event == "worker" {
				unnamed++ // it comes under one of its names alone
			}
			return n
		}
		sources := map[*sse]func(data string) int{
			{t: t, url: fmt.Sprint(d.url, "/streams/", pid, "/stdout?feed=eventsource&since=0")}: tick,
			{t: t, url: d.url + "/apps/ticks/logs?stream=true&n=1000000"}:                        logLine,
			{t: t, url: d.url + "/watch?feed=eventsource&since=0"}:                               seq,
		}
		last := map[*sse]int{}
		follow := func(until, opened int) { // what was on its way may have been enough
			t.Helper()
			for source, number := range sources {
				for last[source] < until || source.opened < opened {
					n := number(source.next())
					if before, ok := last[source]; ok && n != before+1 {
						t.Fatalf("%s: %d follows %d", source.url, n, before)
					}
					last[source] = n
				}
			}
		}
		d.create("other", properties{"cmd": "true", "restart": "never"})
		follow(13, 1) // and one is left
		for round := range 2 {
			replace(d)
			d.create(fmt.Sprint("more", round), properties{"cmd": "true", "restart": "never"})
			follow(13+9*(round+1), round+2) // create, start, spawn and exit, each under two names, and that of the worker
		}
		for source := range sources {
			source.close()
			if source.opened != 3 {
				t.Errorf("%s was opened %d times", source.url, source.opened)
			}
		}
	})
}

// TestAllCustomStreamsAreReplaced has a process with as many custom streams as one
// may have: each can be written to and read as before.
func TestAllCustomStreamsAreReplaced(t *testing.T) {
	onReplacement(t, func(t *testing.T, replace func(*daemon)) {
		const most = 29
		labels := make([]string, most)
		for i := range labels {
			labels[i] = fmt.Sprint("more", i)
		}
		d := start(t)
		pid := d.run("web", script("for fd in $(seq 3 31); do cat <&$fd >&$fd & done; wait", properties{
			"custom_streams": labels, "redirect_input": true,
		}))
		want := map[string]string{}
		for round := range 3 {
			for _, label := range labels {
				text := fmt.Sprintf("%s in round %d\n", label, round)
				want[label] += text
				if a := d.ok("POST", fmt.Sprintf("/streams/%d/%s", pid, label), text); a.header.Get("Gaffer-Offset") != fmt.Sprint(len(want[label])) {
					t.Fatalf("%s: offset %s", label, a.header.Get("Gaffer-Offset"))
				}
			}
			for _, label := range labels {
				waitFor(t, label+" comes back", func() bool {
					return d.ok("GET", fmt.Sprintf("/streams/%d/%s?since=0", pid, label), "").body == want[label]
				})
			}
			if round < 2 {
				replace(d)
			}
		}
	})
}

// TestStateIsWrittenAnew changes a large description again and again, so that what
// is kept of the state is soon out of date for the most part, and goes to a new
// file. Workers are replaced meanwhile.
func TestStateIsWrittenAnew(t *testing.T) {
	onReplacement(t, func(t *testing.T, replace func(*daemon)) {
		d := start(t)
		large := strings.Repeat("x", 100<<10)
		d.ok("POST", "/processes", describeProcess("web", properties{"cmd": "sleep 1000", "start": false, "env": map[string]string{"LARGE": large}}))
		files := map[string]bool{}
		number := 1
		for range 3 {
			for range 50 {
				number = (number + 1) % 7
				d.ok("POST", fmt.Sprintf("/processes/web/_scale/%d", number), "")
				files[d.stateFile()] = true
			}
			replace(d)
			var web struct {
				NumProcesses int
				Env          map[string]string
			}
			d.get("/processes/web", &web)
			if web.NumProcesses != number || web.Env["LARGE"] != large {
				t.Fatalf("it has %d instances and %d bytes of environment, want %d and %d", web.NumProcesses, len(web.Env["LARGE"]), number, len(large))
			}
		}
		if len(files) < 6 {
			t.Errorf("the state was in %d files", len(files))
		}
	})
}

// stateFile is what tells the file apart that the keeper has the state in. There
// is one.
func (d *daemon) stateFile() (inode string) {
	d.t.Helper()
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", d.cmd.Process.Pid))
	found := 0
	for _, file := range files {
		if name, _ := os.Readlink(file); !strings.HasPrefix(name, "/memfd:gaffer-state ") {
			continue
		}
		if info, err := os.Stat(file); err == nil {
			found++
			inode = fmt.Sprint(info.Sys().(*syscall.Stat_t).Ino)
		}
	}
	if found != 1 {
		d.t.Errorf("the keeper has %d files of the state", found)
	}
	return inode
}

// TestAttachIsReplaced has gafferctl attach to a program that writes back what it
// reads, while the worker is replaced between lines and within a long input.
func TestAttachIsReplaced(t *testing.T) {
	onReplacement(t, func(t *testing.T, replace func(*daemon)) {
		d := start(t)
		d.run("cat", properties{"cmd": "cat", "redirect_input": true, "restart": "never", "backpressure": true})
		cmd := exec.Command(filepath.Join(bin, "gafferctl"), "--connect", d.url, "attach", "cat")
		in, lines, problems := startTalking(t, cmd)
		n, read := 0, 0
		say := func() {
			fmt.Fprintln(in, "line", n)
			n++
		}
		hear := func() {
			if !lines.Scan() || lines.Text() != fmt.Sprint("line ", read) {
				t.Fatalf("line %d comes back as %q, %v\n%s", read, lines.Text(), lines.Err(), problems)
			}
			read++
		}
		for range 2 {
			for range 100 {
				say()
				hear()
			}
			replace(d)
		}
		const more = 60_000 // lines: more than there is room for on the way
		written := make(chan struct{})
		go func() {
			defer close(written)
			for range more {
				say()
			}
			in.Close()
		}()
		for i := range more {
			hear()
			if i%(more/2) == more/4 {
				replace(d)
			}
		}
		<-written
		if lines.Scan() {
			t.Errorf("in the end comes %q", lines.Text())
		}
		err := cmd.Wait()
		if said := problems.String(); err != nil || !strings.HasSuffix(said, "Pid 1 has ended: exit 0\n") || strings.Contains(said, " bytes ") {
			t.Errorf("%v: %s", err, said)
		}
	})
}

// TestAttachedProcessEndsUnseen has a process end while the connection that
// gafferctl had is broken, and the worker that saw the end is replaced too.
func TestAttachedProcessEndsUnseen(t *testing.T) {
	onReplacement(t, func(t *testing.T, replace func(*daemon)) {
		d := start(t)
		pid := d.run("bye", script("echo up; read go; echo wrong >&2; echo bye; exit 5", properties{"redirect_input": true, "restart": "never"}))
		cmd := exec.Command(filepath.Join(bin, "gafferctl"), "--connect", d.url, "attach", "--tail", "all", "bye")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var problems bytes.Buffer
		cmd.Stderr = &problems
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "up" {
			t.Fatalf("got %q, %v", lines.Text(), lines.Err())
		}
		if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		replace(d)
		d.input(pid, "go\n")
		waitFor(t, "it has ended", func() bool { return len(d.pids("bye")) == 0 })
		replace(d)
		if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() || lines.Text() != "bye" || lines.Scan() {
			t.Errorf("got %q, %v", lines.Text(), lines.Err())
		}
		if err := cmd.Wait(); err != nil || !strings.HasSuffix(problems.String(), "Pid 1 has ended: exit 5\n") {
			t.Errorf("%v: %s", err, &problems)
		}
	})
}

// TestAttachedTerminalIsReplaced types lines into a program, while the worker is
// replaced. Each is answered once.
func TestAttachedTerminalIsReplaced(t *testing.T) {
	onReplacement(t, func(t *testing.T, replace func(*daemon)) {
		d := start(t)
		d.run("upper", script(`while read line; do echo "[$line]"; done; echo bye`, properties{"redirect_input": true, "restart": "never"}))
		cmd := exec.Command(filepath.Join(bin, "gafferctl"), "--connect", d.url, "attach", "upper")
		keys, err := pty.Start(cmd)
		if err != nil {
			t.Fatal(err)
		}
		defer keys.Close()
		defer cmd.Process.Kill()
		screen := bufio.NewScanner(keys)
		n := 0
		for round := range 3 {
			if round > 0 {
				replace(d)
			}
			for range 20 {
				fmt.Fprintln(keys, n)
				for screen.Scan() {
					line := screen.Text()
					if strings.HasPrefix(line, "[") && line != fmt.Sprintf("[%d]", n) || strings.Contains(line, " bytes ") {
						t.Fatalf("%q where [%d] is due", line, n)
					}
					if strings.HasPrefix(line, "[") {
						break
					}
				}
				n++
			}
		}
		keys.WriteString("\x04") // Ctrl-D
		var rest []string
		for screen.Scan() {
			rest = append(rest, screen.Text())
		}
		if err := cmd.Wait(); err != nil || len(rest) < 2 || rest[len(rest)-1] != "Pid 1 has ended: exit 0" || strings.Contains(strings.Join(rest, ""), "[") {
			t.Errorf("%v: the screen ends with %q", err, rest)
		}
	})
}
