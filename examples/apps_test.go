package examples_test

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestApp(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "app")).CombinedOutput()
	if want := "bad.1 failed with status 3\n"; err != nil || string(out) != want {
		t.Errorf("it prints %q, %v; want %q", out, err, want)
	}
}

// TestReceiver has gafferd send events to the example, by way of the file and
// over the API, one of them with a wrong secret.
func TestReceiver(t *testing.T) {
	cmd := exec.Command(filepath.Join(bin, "receiver"), "s3cret", "127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	defer time.AfterFunc(patience, func() { cmd.Process.Kill() }).Stop()
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatal("the receiver does not say where it listens")
	}
	to := lines.Text()
	url := serve(t, "gafferd", "--bind=127.0.0.1:0")
	matches(t, "the hook", curl(t, "-d", `{"event": "proc.web", "url": "`+to+`/?a", "secret": "s3cret"}`, url+"/webhooks"), `^\{"ok":true,"id":"wh-[0-9a-f]+"\}\n$`)
	wrong := curl(t, "-d", `{"event": "proc.web", "url": "`+to+`/?b", "secret": "guessed"}`, url+"/webhooks")
	curl(t, "-d", `{"name": "web", "cmd": "true", "restart": "never"}`, url+"/processes")
	for _, want := range []string{"create", "start", "spawn", "exit"} {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), `{"event":"proc.web.`+want+`","name":"web",`) {
			t.Fatalf("the receiver prints %q (%v), want the event %s", lines.Text(), lines.Err(), want)
		}
	}
	id := strings.Split(wrong, `"`)[5]
	for end := time.Now().Add(patience); ; {
		got := curl(t, url+"/webhooks/"+id)
		if strings.Contains(got, `"error":"the answer is 403 Forbidden"`) {
			matches(t, "the other hook", got, `"failing":true,"pending":4,.*"delivered":0,`)
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the other hook is %s", got)
		}
	}
	matches(t, "removing", curl(t, "-XDELETE", url+"/webhooks/"+id), `^\{"ok": true\}\n$`)
}
