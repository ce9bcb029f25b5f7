package examples_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// TestPage lets a browser open the page that follows a stream.
func TestPage(t *testing.T) {
	url := serve(t, "embed", "127.0.0.1:0")
	page := browse(t, url+"/page")
	var answer struct {
		Result struct{ Result struct{ Value string } }
	}
	ask := map[string]any{"id": 1, "method": "Runtime.evaluate", "params": map[string]any{
		"awaitPromise": true,
		"expression": `new Promise(resolve => {
			const look = () => {
				const text = id => document.getElementById(id)?.textContent;
				if (text("lines")) resolve(text("state") + ": " + text("lines"));
			};
			new MutationObserver(look).observe(document, {subtree: true, childList: true, characterData: true});
			look();
		})`,
	}}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// Asked too early, it is the empty page that answers, when it goes.
	for answer.Result.Result.Value == "" {
		if err := wsjson.Write(ctx, page, ask); err != nil {
			t.Fatal(err)
		}
		if err := wsjson.Read(ctx, page, &answer); err != nil {
			t.Fatal(err)
		}
	}
	matches(t, "what the browser shows", answer.Result.Result.Value, `^connected: .*\d\d:\d\d:\d\d.*\n`)
}

// browse opens a page in a browser and returns a connection to its debugger.
func browse(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is missing: .ci/run should have installed it")
		}
		t.Skip("chromium is missing: install it to run this test (see .ci/run)")
	}
	cmd := exec.Command(browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--user-data-dir="+t.TempDir(), "--remote-debugging-port=0")
	// A group of its own, so that all of the browser can be ended.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end := func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	t.Cleanup(func() {
		end()
		cmd.Wait()
	})
	defer time.AfterFunc(patience, end).Stop()
	said := bufio.NewScanner(stderr)
	for said.Scan() {
		if found := regexp.MustCompile(`ws://(127\.0\.0\.1:\d+)/`).FindStringSubmatch(said.Text()); found != nil {
			return debug(t, found[1], url)
		}
	}
	t.Fatal("the browser does not say where its debugger is")
	return nil
}

// debug opens a page in the browser whose debugger is at an address.
func debug(t *testing.T, address, url string) *websocket.Conn {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+address+"/json/new?"+url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var page struct {
		Debugger string `json:"webSocketDebuggerUrl"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		t.Fatal(err)
	}
	conn, _, err := websocket.Dial(t.Context(), page.Debugger, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	return conn
}
