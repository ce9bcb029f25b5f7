package examples_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// TestStatusPlugin lets a browser use the plugin: it shows what runs, is told
// what happens, starts and stops, and reads along, all within its policy.
func TestStatusPlugin(t *testing.T) {
	url := serve(t, "gafferd", "gaffer.ini", "--bind=127.0.0.1:0", "-p", "plugins")
	page := browse(t, url+"/_plugin/status/")
	const row = `document.querySelector("tr[data-name=dummy]")`
	press := func(what string) string {
		return `[...` + row + `.querySelectorAll("button")].find(b => b.textContent === "` + what + `").click()`
	}
	matches(t, "the row of dummy", eventually(t, page, ``, row+`?.cells[1].textContent === "running" && `+row+`.textContent`), `^dummyrunning1 of 1`)
	matches(t, "its output", eventually(t, page, press("output"), `document.getElementById("output").textContent.match(/STDOUT \d+\nSTDOUT \d+\n/)?.[0]`), `^STDOUT`)
	eventually(t, page, press("stop"), row+`.cells[1].textContent === "stopped" && "stopped"`)
	matches(t, "the end of its output", eventually(t, page, ``, `document.getElementById("what").textContent.match(/signal 15/)?.[0]`), `^signal 15`)
	eventually(t, page, press("start"), row+`.cells[1].textContent === "running" && "running"`)

	// What a process prints must not become a script.
	injected := `const x = document.createElement("div"); x.innerHTML = "<img src=x onerror='window.ran = 1'>"; document.body.append(x);
		const s = document.createElement("script"); s.textContent = "window.ran = 2"; document.body.append(s);
		document.addEventListener("securitypolicyviolation", () => window.refused = true);
		x.firstChild.addEventListener("error", () => setTimeout(() => window.over = true))`
	if got := eventually(t, page, injected, `window.over && String(window.ran)`); got != "undefined" {
		t.Errorf("a script within the page ran: %s", got)
	}
	if got := eventually(t, page, ``, `await fetch("http://127.0.0.2:1/").then(() => "sent", e => "refused")`); got != "refused" {
		t.Errorf("a request to another server is %s", got)
	}
}

// TestStatusPluginWithTokens lets a browser that was given a token as a password
// use the plugin of a daemon that lets nobody in without one.
func TestStatusPluginWithTokens(t *testing.T) {
	const secret = "gaffer_for-the-browser"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := serve(t, "gafferd", "gaffer.ini", "--bind=127.0.0.1:0", "-p", "plugins", "--token-file", file)
	page := browse(t, "about:blank")
	signIn(t, page, secret, url+"/_plugin/status/")
	const row = `document.querySelector("tr[data-name=dummy]")`
	eventually(t, page, ``, row+`?.cells[1].textContent === "running" && document.getElementById("connection").textContent === "live" && "live"`)
	press := row + `.querySelectorAll("button")[3].click()` // output: by a websocket
	matches(t, "its output", eventually(t, page, press, `document.getElementById("output").textContent.match(/STDOUT \d+\n/)?.[0]`), `^STDOUT`)
	press = row + `.querySelectorAll("button")[1].click()` // stop
	eventually(t, page, press, row+`.cells[1].textContent === "stopped" && "stopped"`)
}

// signIn opens a page of a server that asks for a password, and types it.
func signIn(t *testing.T, page *websocket.Conn, password, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	id := 100 // of requests to the browser; what it answers to those is of no interest
	tell := func(method string, params map[string]any) {
		id++
		if err := wsjson.Write(ctx, page, map[string]any{"id": id, "method": method, "params": params}); err != nil {
			t.Fatal(err)
		}
	}
	tell("Fetch.enable", map[string]any{"handleAuthRequests": true})
	tell("Page.navigate", map[string]any{"url": url})
	navigated := id
	for disabled := 0; ; {
		var said struct {
			ID     int
			Method string
			Params struct{ RequestID string }
		}
		if err := wsjson.Read(ctx, page, &said); err != nil {
			t.Fatalf("%s does not open: %v", url, err)
		}
		request := map[string]any{"requestId": said.Params.RequestID}
		switch {
		case said.Method == "Fetch.requestPaused":
			tell("Fetch.continueRequest", request)
		case said.Method == "Fetch.authRequired":
			request["authChallengeResponse"] = map[string]any{"response": "ProvideCredentials", "username": "me", "password": password}
			tell("Fetch.continueWithAuth", request)
		case said.ID == navigated: // what the page asks for from now on is between the browser and the server
			tell("Fetch.disable", nil)
			disabled = id
		case said.ID == disabled && disabled > 0:
			return
		}
	}
}

// eventually runs a script in a page, and returns the first text that an
// expression is then; until then it is false or nothing.
func eventually(t *testing.T, page *websocket.Conn, script, expression string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ask := map[string]any{"id": 1, "method": "Runtime.evaluate", "params": map[string]any{
		"awaitPromise": true,
		"expression": `(async () => {
			` + script + `;
			for (;;) {
				const v = ` + expression + `;
				if (v) return v;
				await new Promise(next => setTimeout(next, 20));
			}
		})()`,
	}}
	// Asked too early, it is the empty page that answers, when it goes.
	for {
		var answer struct {
			Result struct {
				Result           struct{ Value string }
				ExceptionDetails struct {
					Exception struct{ Description string }
				}
			}
		}
		if err := wsjson.Write(ctx, page, ask); err != nil {
			t.Fatal(err)
		}
		if err := wsjson.Read(ctx, page, &answer); err != nil {
			t.Fatalf("%s never comes: %v", expression, err)
		}
		if failure := answer.Result.ExceptionDetails.Exception.Description; failure != "" {
			t.Fatalf("%s: %s", expression, failure)
		}
		if answer.Result.Result.Value != "" {
			return answer.Result.Result.Value
		}
	}
}
