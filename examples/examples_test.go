// Package examples_test runs every example as its reader would.
package examples_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bin is the folder with the programs.
var bin string

func TestMain(m *testing.M) { os.Exit(withPrograms(m)) }

func withPrograms(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gaffer-examples-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", dir, "../cmd/gafferd", "./...") // linked in half the time
	build.Env = append(os.Environ(), "CGO_ENABLED=0")                                            // as make does
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the examples: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// serve runs a program until the test ends, and returns the URL that it prints.
func serve(t *testing.T, name string, args ...string) (url string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, name), args...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGINT)
		kill := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s ends with %v on SIGINT, want success", name, err)
		}
	})
	r.SetReadDeadline(time.Now().Add(patience))
	var said []byte
	for buf := make([]byte, 512); ; {
		n, err := r.Read(buf)
		said = append(said, buf[:n]...)
		if found := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).Find(said); found != nil {
			return string(found)
		}
		if err != nil {
			t.Fatalf("%s does not say where it listens: %v\n%s", name, err, said)
		}
	}
}

// curl runs the real one and returns what it prints.
func curl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "curl", append([]string{"-sS", "--max-time", "20"}, args...)...).Output()
	if err != nil {
		t.Errorf("curl %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// curlUntil runs curl on an answer that goes on, until it matches.
func curlUntil(t *testing.T, pattern string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "curl", append([]string{"-sSN"}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cancel()
	want := regexp.MustCompile(pattern)
	var got []byte
	for buf := make([]byte, 4096); !want.Match(got); {
		n, err := stdout.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			t.Errorf("curl %s: %v before anything matches %s:\n%s", strings.Join(args, " "), err, pattern, got)
			return
		}
	}
}

func matches(t *testing.T, what, got, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(got) {
		t.Errorf("%s is %q, want it to match %s", what, got, pattern)
	}
}

// TestTranscripts types what gaffer's documentation shows, against its example.
func TestTranscripts(t *testing.T) {
	url := serve(t, "gafferd", "gaffer.ini", "--bind=127.0.0.1:0")
	if got, want := strings.TrimSpace(curl(t, url+"/processes")), `["priority0","dummy","echo"]`; strings.ReplaceAll(got, " ", "") != want {
		t.Errorf("the processes are %s, want %s", got, want)
	}
	for _, stream := range []string{"stdout", "stderr"} {
		t.Run(stream, func(t *testing.T) {
			t.Parallel()
			said := strings.ToUpper(stream)
			path := url + "/streams/1/" + stream
			curlUntil(t, `^`+said+` \d+\n`+said+` \d+\n$`, path+"?feed=continuous")
			curlUntil(t, `^event: `+stream+`\r\nid: \d+\r\ndata: `+said+` \d+\r\n\r\nevent: `, path+"?feed=eventsource")
			matches(t, "a longpoll", curl(t, path+"?feed=longpoll"), `^`+said+` \d+\n$`)
		})
	}
	t.Run("echo", func(t *testing.T) {
		t.Parallel()
		matches(t, "the answer to stdin", curl(t, "-XPOST", "-d", "ECHO\n", url+"/streams/2/stdin"), `^\{"ok": ?true\}\n$`)
		// However late it is asked for: two lines of dummy are a second apart.
		curlUntil(t, `STDOUT \d+\nSTDOUT`, url+"/streams/1/stdout?feed=continuous")
		if got := curl(t, url+"/streams/2/stdout?feed=longpoll"); got != "ECHO\n" {
			t.Errorf("the echo is %q, want ECHO", got)
		}
	})
	t.Run("heartbeats", func(t *testing.T) {
		t.Parallel()
		curlUntil(t, `^\n\n$`, url+"/streams/2/stderr?feed=continuous&heartbeat=0.2")
		curlUntil(t, `^\n$`, url+"/streams/2/stderr?feed=longpoll&heartbeat=0.2")
		curlUntil(t, `^:\r\n\r\n:\r\n\r\n$`, url+"/streams/2/stderr?feed=eventsource&heartbeat=0.2")
	})
}

func TestEchoClient(t *testing.T) {
	url := serve(t, "gafferd", "gaffer.ini", "--bind=127.0.0.1:0")
	curl(t, url+"/watch/proc/echo/spawn?since=0")
	for range 2 { // as the documentation does
		out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "echo_client"), "ws"+strings.TrimPrefix(url, "http")+"/wstreams/2").CombinedOutput()
		if want := "Sent\nReceiving...\nReceived 'ECHO\n'\n"; err != nil || string(out) != want {
			t.Errorf("echo_client prints %q, %v; want %q", out, err, want)
		}
	}
}

func TestEcho(t *testing.T) {
	url := serve(t, "gafferd", "--bind=127.0.0.1:0")
	description := fmt.Sprintf(`{"name": "echo", "cmd": %q, "redirect_input": true, "restart": "never"}`, filepath.Join(bin, "echo"))
	curl(t, "-d", description, url+"/processes?wait=true")
	curl(t, "-d", "no newline", url+"/streams/1/stdin?eof=true")
	curl(t, url+"/watch/proc/echo/exit?since=0")
	if got := curl(t, url+"/streams/1/stdout?since=0"); got != "no newline" {
		t.Errorf("it echoed %q", got)
	}
}

func TestWalkthrough(t *testing.T) {
	url := serve(t, "gafferd", "gaffer.ini", "--bind=127.0.0.1:0")
	out, err := exec.CommandContext(t.Context(), "./walkthrough.sh", url).CombinedOutput()
	if err != nil || !bytes.HasSuffix(out, []byte("\nAll as it should be.\n")) {
		t.Errorf("the walk ends with %v:\n%s", err, out)
	}
	out, err = exec.CommandContext(t.Context(), "./walkthrough.sh", serve(t, "gafferd", "--bind=127.0.0.1:0")).CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("FAILED: want")) {
		t.Errorf("the walk succeeds (%v) with a daemon that lacks the processes:\n%s", err, out)
	}
}

func TestEmbed(t *testing.T) {
	url := serve(t, "embed", "127.0.0.1:0")
	page := curl(t, url+"/page")
	matches(t, "the page", page, `(?s)^<!DOCTYPE html>.*new EventSource\(`)
	matches(t, "the document of the API", curl(t, url+"/openapi.json"), `A page that follows the clock`)
	request, err := http.NewRequestWithContext(t.Context(), "GET", url+"/page", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", "https://elsewhere.example")
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusForbidden {
		t.Errorf("another site's page gets %s: %s", resp.Status, body)
	}
}
