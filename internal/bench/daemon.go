package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// daemon is a running gafferd.
type daemon struct {
	cmd   *exec.Cmd
	addr  string
	http  http.Client
	group group
	drain chan struct{} // closed when its standard error has ended

	said bytes.Buffer // what it logged; to be read when drain is closed
}

// greeting is where gafferd says what it listens on.
var greeting = regexp.MustCompile(`listens on http://(\S+?)[,.]? `)

// startDaemon returns when gafferd listens. Ending ctx stops it.
func startDaemon(ctx context.Context, path string, args ...string) (*daemon, error) {
	d := &daemon{
		cmd:   exec.CommandContext(ctx, path, append([]string{"--bind", "127.0.0.1:0"}, args...)...),
		http:  http.Client{Transport: &http.Transport{}}, // no proxy, and connections of its own
		drain: make(chan struct{}),
	}
	d.cmd.SysProcAttr = dieWithUs()
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(syscall.SIGTERM) }
	d.cmd.WaitDelay = 20 * time.Second
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	listening := make(chan string, 1)
	go d.listen(stderr, listening)
	select {
	case d.addr = <-listening:
	case <-d.drain:
		d.cmd.Wait() // its failure is in what it said
		return nil, fmt.Errorf("%s ended: %s", path, d.said.Bytes())
	}
	if d.group, err = pairOf(d.cmd.Process.Pid); err != nil {
		return nil, errors.Join(err, d.end())
	}
	return d, nil
}

// listen reads what the daemon logs, until it has ended.
func (d *daemon) listen(stderr io.Reader, listening chan<- string) {
	defer close(d.drain)
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if m := greeting.FindStringSubmatch(lines.Text()); m != nil && listening != nil {
			listening <- m[1]
			listening = nil
		}
		if d.said.Len() < 64<<10 {
			d.said.WriteString(lines.Text() + "\n")
		}
	}
}

// pids are the keeper and its worker, or the one process that is both.
func (d *daemon) pids() group { return d.group }

// end stops the daemon, with all that it runs, and waits for that.
func (d *daemon) end() error {
	d.http.CloseIdleConnections()
	d.cmd.Process.Signal(syscall.SIGTERM) // fails only when it has ended
	select {
	case <-d.drain:
	case <-time.After(30 * time.Second):
		d.cmd.Process.Kill()
		<-d.drain
	}
	if err := d.cmd.Wait(); err != nil {
		return fmt.Errorf("gafferd: %w\n%s", err, d.said.Bytes())
	}
	return nil
}

// description is what a process is created from.
type description map[string]any

// call makes a request and decodes the answer into result, unless that is nil.
func (d *daemon) call(ctx context.Context, method, path string, body, result any) error {
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return err
		}
	}
	response, err := d.open(ctx, method, path, &payload)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if result == nil {
		_, err = io.Copy(io.Discard, response.Body)
	} else {
		err = json.NewDecoder(response.Body).Decode(result)
	}
	return err
}

// open makes a request whose answer the caller reads and closes.
func (d *daemon) open(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+d.addr+path, body)
	if err != nil {
		return nil, err
	}
	response, err := d.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		defer response.Body.Close()
		reason, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10))
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, strings.TrimSpace(string(reason)))
	}
	return response, nil
}

// run creates a process and returns when all its instances run.
func (d *daemon) run(ctx context.Context, desc description) error {
	if err := d.call(ctx, "POST", "/processes?wait=true", desc, nil); err != nil {
		return err
	}
	var status struct{ Running, NumProcesses int }
	if err := d.call(ctx, "GET", fmt.Sprint("/status/", desc["name"]), nil, &status); err != nil {
		return err
	}
	if status.Running != status.NumProcesses {
		return fmt.Errorf("%d of %d instances of %s run", status.Running, status.NumProcesses, desc["name"])
	}
	return nil
}

// runChild runs a role of this program once, as the description says otherwise.
// It returns the daemon's id of its instance.
func (d *daemon) runChild(ctx context.Context, desc description, role ...string) (pid int, err error) {
	bench, err := self()
	if err != nil {
		return 0, err
	}
	desc["cmd"], desc["args"], desc["restart"] = bench, role, "never"
	if err := d.run(ctx, desc); err != nil {
		return 0, err
	}
	return d.onlyPid(ctx, desc["name"].(string))
}

// onlyPid is the daemon's id of a process's one instance.
func (d *daemon) onlyPid(ctx context.Context, name string) (int, error) {
	pids, err := d.instances(ctx, name)
	if err != nil {
		return 0, err
	}
	if len(pids) != 1 {
		return 0, errors.New(name + " has not exactly one instance")
	}
	return pids[0], nil
}

// instances are the daemon's ids of a process's instances.
func (d *daemon) instances(ctx context.Context, name string) ([]int, error) {
	var answer struct{ PIDs []int }
	err := d.call(ctx, "GET", "/processes/"+name+"/_pids", nil, &answer)
	return answer.PIDs, err
}
