package client_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gafferd/gaffer/httpapi"
	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/badlink"
	"github.com/gafferd/gaffer/manager"
)

// gafferd is the real thing on a real socket: what the small daemon in these
// tests claims about the API is checked against it.
func gafferd(t testing.TB) (address string) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	m := manager.New(manager.Options{Logger: quiet})
	api := httpapi.New(m, httpapi.Options{Logger: quiet})
	s := httptest.NewUnstartedServer(api.Handler())
	s.Config.ConnContext = api.ConnContext
	s.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		m.Shutdown(ctx)
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// shell describes a process that runs a script once.
func shell(name, script string) client.Process {
	return client.Process{Name: name, Cmd: "sh", Args: client.Args{List: []string{"-c", script}}, Restart: "never"}
}

// create starts the first process of a daemon, whose pid is 1.
func create(t testing.TB, c *client.Client, p client.Process) (pid int) {
	t.Helper()
	if err := c.Create(t.Context(), p, client.Wait()); err != nil {
		t.Fatal(err)
	}
	return 1
}

func TestDescriptionsSurviveTheDaemon(t *testing.T) {
	c := connect(t, gafferd(t))
	create(t, c, client.Process{Name: "shop:web", Cmd: "sleep", Args: client.Args{Line: "1000"}, Umask: new(client.Umask(0o27)),
		Env: map[string]string{"A": "b"}, GracefulTimeout: new(client.Seconds(0.5)), StopSignal: "2",
		Backoff: &client.Backoff{Initial: 1, Reset: new(client.Seconds(0))}})
	got, err := c.Process(t.Context(), "shop:web")
	if err != nil {
		t.Fatal(err)
	}
	if got.Args.Line != "1000" || *got.Umask != 0o27 || got.StopSignal != "INT" || *got.GracefulTimeout != 0.5 ||
		got.Backoff.Initial != 1 || *got.Backoff.Reset != 0 || *got.NumProcesses != 1 || !*got.OSEnv ||
		!slices.Equal(got.RedirectOutput, []string{"stdout", "stderr"}) {
		t.Errorf("got %+v", got)
	}
	// What came out goes in again and changes nothing.
	if err := c.Update(t.Context(), "shop:web", got, client.Wait()); err != nil {
		t.Fatal(err)
	}
	if pids, err := c.PIDs(t.Context(), "shop:web"); err != nil || !slices.Equal(pids, []int{1}) {
		t.Errorf("after an update that changes nothing: pids %v, %v", pids, err)
	}
	infos, err := c.Infos(t.Context())
	if err != nil || len(infos) != 1 || infos[0].State != "running" || !infos[0].Active || !slices.Equal(infos[0].PIDs, []int{1}) {
		t.Errorf("got %+v, %v", infos, err)
	}
	instances, err := c.Instances(t.Context())
	if err != nil || len(instances) != 1 || instances[0].PID != 1 || instances[0].Index != 1 || instances[0].Name != "shop:web" || instances[0].StartedAt.IsZero() {
		t.Errorf("got %+v, %v", instances, err)
	}
	stats, err := c.Stats(t.Context(), "shop:web")
	if err != nil || len(stats.Stats) != 1 || stats.Stats[0].ID != 1 || stats.Stats[0].RSS == nil || !stats.CPU.Valid {
		t.Errorf("got %+v, %v", stats, err)
	}
	for s, err := range c.WatchStats(t.Context(), "shop:web", 100*time.Millisecond) {
		if err != nil || s.Name != "shop:web" {
			t.Errorf("got %+v, %v", s, err)
		}
		break
	}
	if err := c.Delete(t.Context(), "shop:web", client.Wait()); err != nil {
		t.Fatal(err)
	}
	if ok, err := c.Exists(t.Context(), "shop:web"); ok || err != nil {
		t.Errorf("after Delete: exists %v, %v", ok, err)
	}
}

func TestRealStreamGoesOnWhereItWasCut(t *testing.T) {
	address := gafferd(t)
	proxy := badlink.NewCutter(t, address, 200_000)
	direct, cut := connect(t, address), connect(t, proxy.Address)
	p := shell("count", `read go; i=0; while [ $i -lt 100000 ]; do echo "line $i"; i=$((i+1)); done`)
	p.RedirectInput = true
	pid := create(t, direct, p)
	want := sha256.New()
	for i := range 100000 {
		io.WriteString(want, "line "+strconv.Itoa(i)+"\n")
	}
	if _, err := direct.WriteInput(t.Context(), pid, "stdin", strings.NewReader("go\n"), true); err != nil {
		t.Fatal(err)
	}
	got, next := sha256.New(), int64(0)
	for next == 0 {
		for chunk, err := range cut.Stream(t.Context(), pid, "stdout", client.StreamOptions{}) {
			if errors.Is(err, client.ErrUnreachable) && next == 0 {
				break
			}
			if err != nil || chunk.Offset != next || chunk.Missed != 0 {
				t.Fatalf("chunk at %d with %d missed, want it at %d: %v", chunk.Offset, chunk.Missed, next, err)
			}
			got.Write(chunk.Data)
			next += int64(len(chunk.Data))
		}
	}
	if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		t.Errorf("the %d bytes that came are not those that were written", next)
	}
	if proxy.Cuts.Load() < 3 {
		t.Errorf("only %d cuts: this test has shown nothing", proxy.Cuts.Load())
	}
}

func TestRealInputWritesEveryByteOnce(t *testing.T) {
	address := gafferd(t)
	proxy := badlink.NewCutter(t, address, 50_000)
	direct, cut := connect(t, address), connect(t, proxy.Address)
	pid := create(t, direct, client.Process{Name: "cat", Cmd: "cat", Restart: "never", RedirectInput: true})
	var want bytes.Buffer
	for i := range 60_000 {
		want.WriteString(strconv.Itoa(i) + "\n")
	}
	var in *client.Input
	for err := error(client.ErrUnreachable); errors.Is(err, client.ErrUnreachable); {
		in, err = cut.Input(t.Context(), pid, "stdin")
	}
	written := make(chan error, 1)
	go func() {
		_, err := io.Copy(in, bytes.NewReader(want.Bytes()))
		written <- errors.Join(err, in.Close())
	}()
	got, _ := collectFrom(t, direct, pid)
	if err := <-written; err != nil {
		t.Error(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("the process got %d bytes that are not the %d written", len(got), want.Len())
	}
	if proxy.Cuts.Load() < 3 {
		t.Errorf("only %d cuts: this test has shown nothing", proxy.Cuts.Load())
	}
}

func collectFrom(t *testing.T, c *client.Client, pid int) (got []byte, missed int64) {
	t.Helper()
	for chunk, err := range c.Stream(t.Context(), pid, "stdout", client.StreamOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, chunk.Data...)
		missed += chunk.Missed
	}
	return got, missed
}

func TestRealStreamFromItsTail(t *testing.T) {
	address := gafferd(t)
	c := connect(t, address)
	pid := create(t, c, shell("three", "echo one; echo two; printf three"))
	collectFrom(t, c, pid) // it has ended
	var got string
	var first int64 = -1
	for chunk, err := range c.Stream(t.Context(), pid, "stdout", client.StreamOptions{Tail: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		if first < 0 {
			first = chunk.Offset
		}
		got += string(chunk.Data)
	}
	if got != "two\nthree" || first != 4 {
		t.Errorf("got %q from offset %d, want the last two lines from 4", got, first)
	}
	page, err := c.Poll(t.Context(), pid, "stdout", client.PollOptions{Since: 4})
	if err != nil || string(page.Data) != "two\n" || page.Next != 8 {
		t.Errorf("poll: got %+v, %v", page, err)
	}
	for _, err := range c.Watch(t.Context(), "exit", client.WatchOptions{}) { // it follows the end of the streams
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	exits, err := c.Exits(t.Context(), "three")
	if err != nil || len(exits) != 1 || exits[0].PID != pid || exits[0].ExitStatus != 0 {
		t.Errorf("exits: got %+v, %v", exits, err)
	}
}

func TestRealEvents(t *testing.T) {
	c := connect(t, gafferd(t))
	var kinds []string
	options := client.WatchOptions{Since: client.Latest, Ready: func() {
		if err := c.Create(t.Context(), shell("job", "exit 7")); err != nil {
			t.Error(err)
		}
	}}
	for ev, err := range c.Watch(t.Context(), "proc/job", options) {
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, ev.Event)
		if ev.Event == "proc.job.exit" {
			if ev.ExitStatus != 7 || ev.PID != 1 || ev.Name != "job" || ev.Time.IsZero() || ev.Seq == 0 {
				t.Errorf("got %+v", ev)
			}
			break
		}
	}
	if !slices.Contains(kinds, "proc.job.create") || !slices.Contains(kinds, "proc.job.spawn") {
		t.Errorf("got %v", kinds)
	}
}

// The client resumes by what these headers say.
func TestHeadersToResumeBy(t *testing.T) {
	address := gafferd(t)
	c := connect(t, address)
	pid := create(t, c, shell("three", "echo one; echo two; echo three"))
	collectFrom(t, c, pid)
	var last uint64
	for ev, err := range c.Watch(t.Context(), "proc/three/exit", client.WatchOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		last = ev.Seq
		break
	}
	tests := []struct{ path, header, want string }{
		{"/streams/1/stdout?feed=continuous", "Gaffer-Offset", "14"},
		{"/streams/1/stdout?feed=continuous&since=3", "Gaffer-Offset", "3"},
		{"/streams/1/stdout?feed=continuous&since=999", "Gaffer-Offset", "14"},
		{"/streams/1/stdout?feed=continuous&tail=2", "Gaffer-Offset", "4"},
		{"/watch?feed=eventsource", "Gaffer-Seq", strconv.FormatUint(last, 10)},
		{"/watch?feed=eventsource&since=1", "Gaffer-Seq", "1"},
		{"/watch?feed=eventsource&since=999", "Gaffer-Seq", "0"}, // from another life of the daemon
	}
	for _, tt := range tests {
		resp, err := http.Get(address + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get(tt.header); got != tt.want {
			t.Errorf("%s: %s is %q, want %q", tt.path, tt.header, got, tt.want)
		}
	}
}

func TestAttach(t *testing.T) {
	c := connect(t, gafferd(t))
	pid := create(t, c, client.Process{Name: "wc", Cmd: "wc", Args: client.Args{List: []string{"-c"}}, Restart: "never", RedirectInput: true})
	a, err := c.Attach(t.Context(), pid, client.AttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	sent := make(chan error, 1)
	go func() {
		for range 50 { // all of it is in the pipe before that is closed
			if err := a.Send(t.Context(), make([]byte, 100_000)); err != nil {
				sent <- err
				return
			}
		}
		sent <- a.CloseInput(t.Context())
	}()
	var got []byte
	for {
		chunk, err := a.Receive(t.Context())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, chunk.Data...)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if strings.TrimSpace(string(got)) != "5000000" || a.Reason() != "exit 0" {
		t.Errorf("got %q and %q, want 5000000 and exit 0", got, a.Reason())
	}
}

func TestAttachErrors(t *testing.T) {
	address := gafferd(t)
	c := connect(t, address)
	pid := create(t, c, shell("deaf", "echo out; echo err >&2; exec sleep 1000"))
	if _, err := c.Attach(t.Context(), pid, client.AttachOptions{}); client.Code(err) != "forbidden_write" {
		t.Errorf("without redirect_input: got %v", err)
	}
	if _, err := c.Attach(t.Context(), 99, client.AttachOptions{}); client.Code(err) != "not_found" {
		t.Errorf("a pid that is not there: got %v", err)
	}
	if _, err := connect(t, "http://127.0.0.1:1").Attach(t.Context(), 1, client.AttachOptions{}); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("no daemon: got %v", err)
	}
	a, err := c.Attach(t.Context(), pid, client.AttachOptions{ReadOnly: true, Stream: "stderr"})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if chunk, err := a.Receive(t.Context()); err != nil || string(chunk.Data) != "err\n" {
		t.Errorf("got %q, %v", chunk.Data, err)
	}
	if err := c.Signal(t.Context(), "deaf", "kill"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Receive(t.Context()); err != io.EOF || a.Reason() != "signal 9" {
		t.Errorf("got %v and %q, want EOF and signal 9", err, a.Reason())
	}
}

func TestLogsThatEndWithTheApp(t *testing.T) {
	c := connect(t, gafferd(t))
	now, err := c.Clock(t.Context())
	if age := time.Since(now); err != nil || age < 0 || age > 20*time.Second {
		t.Errorf("the daemon's clock says %v: %v", now, err)
	}
	create(t, c, shell("web", "trap 'echo bye; exit' TERM; sleep 1000 & echo up; wait"))
	var got []string
	for line, err := range c.Logs(t.Context(), "web", client.LogOptions{Follow: true, Ends: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, line.Text); line.Text == "up" {
			if err := c.Delete(t.Context(), "web"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := []string{"up", "bye"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
