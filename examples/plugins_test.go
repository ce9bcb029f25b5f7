package examples_test

import (
	"context"
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
