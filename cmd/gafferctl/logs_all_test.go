package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// With -f, and without a name, there are also apps that come, and that come again;
// what is run once is left out.
func TestLogsOfAllThatComes(t *testing.T) {
	serve(t)
	f := follow(t, "logs", "-f")
	add := func(name, line string) {
		t.Helper()
		must(t, "load_process", "--start", "--wait", write(t, "p.json",
			fmt.Sprintf(`{"name": %q, "cmd": "echo", "args": [%q], "restart": "never"}`, name, line)))
	}
	add("web", "hello")
	f.until(t, "[web-1] hello\n")
	add("shop:db", "ready")
	f.until(t, "[shop:db-1] ready\n")
	add("shop:cart", "empty")
	f.until(t, "[shop:cart-1] empty\n")
	must(t, "run", "echo", "once")
	must(t, "del_process", "--wait", "web")
	add("web", "again")
	f.until(t, "[web-1] again\n")
	f.interrupt()
	if code := f.end(t); code != exitOK || strings.Contains(f.text(), "once") || strings.Count(f.text(), "\n") != 4 {
		t.Errorf("exit %d, %q", code, f.text())
	}
}

// Those that were there are followed from their last lines, each once.
func TestLogsOfAllThatIs(t *testing.T) {
	serve(t)
	for _, name := range []string{"web", "shop:db", "shop:web"} {
		must(t, "load_process", "--start", "--wait", write(t, "p.json",
			fmt.Sprintf(`{"name": %q, "cmd": "sh", "args": ["-c", "echo up; while read line; do echo $line; done"], "redirect_input": true}`, name)))
		up := follow(t, "streams", "--tail", "all", name)
		up.until(t, "up\n")
		up.interrupt()
	}
	f := follow(t, "logs", "-f")
	f.untilCount(t, "up\n", 3)
	for i, name := range []string{"web", "shop:db", "shop:web"} {
		if o := gafferctl(t, "more\n", "stdin", name); o.code != exitOK {
			t.Fatal(o.stderr)
		}
		f.untilCount(t, "more\n", i+1)
	}
	f.interrupt()
	if code := f.end(t); code != exitOK || strings.Count(f.text(), "\n") != 6 {
		t.Errorf("exit %d, %q", code, f.text())
	}
}

func TestLogsOfTooManyApps(t *testing.T) {
	serve(t)
	for i := range maxApps + 1 {
		must(t, "add_process", fmt.Sprintf("idle%d", i), "true")
	}
	o := gafferctl(t, "", "logs")
	if want := "gafferctl: there are 257 apps, of which 256 at most can be shown as one log: name those that you want; gafferctl groups lists all\n"; o.code != exitFailed || o.stderr != want {
		t.Errorf("exit %d, %q, want 1 and %q", o.code, o.stderr, want)
	}
	must(t, "del_process", "idle0")
	if o := gafferctl(t, "", "logs"); o.code != exitOK {
		t.Errorf("exit %d, %q", o.code, o.stderr)
	}
}

func TestAllAppsAreBounded(t *testing.T) {
	var stderr bytes.Buffer
	ends := map[string]func(){}
	a := &allApps{reader: &logsReader{cli: &cli{stderr: &stderr}}, follow: func(t *logTarget, ended func()) { ends[t.app] = ended }}
	for i := range maxApps + 2 {
		a.come(fmt.Sprint("app", i))
	}
	a.come("app0") // it is followed already
	if want := "gafferctl: app256 is not shown, nor what comes after it: 256 apps are followed already\n"; len(ends) != maxApps || stderr.String() != want {
		t.Errorf("%d apps are followed, want %d; told %q, want %q", len(ends), maxApps, stderr.String(), want)
	}
	ends["app0"]()
	a.come("late")
	if ends["late"] == nil {
		t.Error("an app that comes does not take the place of one that has gone")
	}
}
