package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gafferd/gaffer/httpapi/client"
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
		a.come(fmt.Sprint("app", i), time.Time{})
	}
	a.come("app0", time.Time{}) // it is followed already
	if want := "gafferctl: app256 is not shown, nor what comes after it: 256 apps are followed already\n"; len(ends) != maxApps || stderr.String() != want {
		t.Errorf("%d apps are followed, want %d; told %q, want %q", len(ends), maxApps, stderr.String(), want)
	}
	ends["app1"]()
	a.come("late", time.Time{})
	if ends["late"] == nil {
		t.Error("an app that comes does not take the place of one that has gone")
	}
}

// logsProxy passes requests on to a daemon. Each for the logs of an app is told to
// begin before it is passed on, to answer before its answer is, and to end once it is over.
type logsProxy struct{ begin, answer, end func(app string) }

func (p logsProxy) serve(t *testing.T, daemon string) (address string) {
	t.Helper()
	target, err := url.Parse(daemon)
	if err != nil {
		t.Fatal(err)
	}
	appOf := func(r *http.Request) string {
		app, ok := strings.CutPrefix(r.URL.Path, "/apps/")
		if !ok {
			return ""
		}
		return strings.TrimSuffix(app, "/logs")
	}
	tell := func(f func(app string), app string) {
		if f != nil && app != "" {
			f(app)
		}
	}
	forward := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			tell(p.answer, appOf(r.Request))
			return nil
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		app := appOf(r)
		tell(p.begin, app)
		defer tell(p.end, app)
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// An app may be made anew while the answer that it is gone is still on its way.
func TestLogsOfAnAppMadeAnewAtOnce(t *testing.T) {
	daemon := serve(t)
	do := func(args ...string) {
		if o := gafferctl(t, "", append([]string{"--connect", daemon}, args...)...); o.code != exitOK {
			t.Errorf("gafferctl %q: exit %d, %s", args, o.code, o.stderr)
		}
	}
	var asked atomic.Int32
	later := make(chan struct{})
	f := follow(t, "--connect", logsProxy{
		begin: func(app string) {
			switch {
			case app == "later":
				close(later)
			case asked.Add(1) == 1:
				do("del_process", "--wait", app)
			}
		},
		answer: func(app string) {
			if app == "web" && asked.Load() == 1 {
				do("add_process", "--start", "web", "--", "sh", "-c", "echo anew; exec sleep 1000")
				do("add_process", "later", "true")
				<-later // then it has seen that web was made, too
			}
		},
	}.serve(t, daemon), "logs", "-f")
	do("add_process", "web", "true")
	f.until(t, "[web-1] anew\n")
}

// What goes is followed to its last words, and no longer: so many can be followed.
func TestLogsOfAnAppThatGoes(t *testing.T) {
	for name, serve := range map[string]func(t *testing.T) string{
		"in memory": serve,
		"on disk":   func(t *testing.T) string { return "http://" + newLives(t).address },
	} {
		t.Run(name, func(t *testing.T) {
			daemon := serve(t)
			var open atomic.Int32
			ended := make(chan struct{}, 1)
			f := follow(t, "--connect", logsProxy{
				begin: func(string) { open.Add(1) },
				end: func(string) {
					open.Add(-1)
					select {
					case ended <- struct{}{}:
					default:
					}
				},
			}.serve(t, daemon), "logs", "-f")
			for _, text := range []string{"one", "two"} {
				must(t, "add_process", "--start", "--wait", "web", "--", "sh", "-c", "trap 'echo bye "+text+"; exit' TERM; sleep 1000 & echo "+text+"; wait")
				f.until(t, "[web-1] "+text+"\n")
				must(t, "del_process", "web")
				f.until(t, "[web-1] bye "+text+"\n")
				for open.Load() > 0 {
					select {
					case <-ended:
					case <-time.After(20 * time.Second):
						t.Fatal("the app is still followed")
					}
				}
			}
			f.interrupt()
			if code := f.end(t); code != exitOK || strings.Count(f.text(), "\n") != 4 {
				t.Errorf("exit %d, %q: %s", code, f.text(), f.stderr.String())
			}
		})
	}
}

// An app that is made anew does not bring what an earlier one of its name has left
// on disk.
func TestLogsOfAnAppWithHistory(t *testing.T) {
	newLives(t)
	add := func(name, line string) {
		t.Helper()
		must(t, "add_process", "--start", "--wait", name, "--", "sh", "-c", "echo "+line+"; exec sleep 1000")
	}
	add("web", "old")
	old := follow(t, "logs", "-f", "web")
	old.until(t, "[web-1] old\n")
	must(t, "del_process", "--wait", "web")
	add("tick", "is there")
	f := follow(t, "logs", "-f", "-n", "all")
	f.until(t, "[tick-1] is there\n") // it has looked at what there is
	add("later", "comes")
	f.until(t, "[later-1] comes\n") // and is told of what comes
	add("web", "new")
	f.until(t, "[web-1] new\n")
	f.interrupt()
	if code := f.end(t); code != exitOK || strings.Contains(f.text(), "old") {
		t.Errorf("exit %d, %q", code, f.text())
	}
}

// An app that is seen to come while it is followed may have been gone: what follows it
// goes on where that ended, also later.
func TestAppsComeAgain(t *testing.T) {
	var followed []*logTarget
	var end func()
	a := &allApps{reader: &logsReader{}, follow: func(t *logTarget, ended func()) { followed, end = append(followed, t), ended }}
	check := func(n int, since time.Time, cursor string) {
		t.Helper()
		if last := followed[len(followed)-1]; len(followed) != n || !last.options.Since.Equal(since) || last.options.Cursor != cursor {
			t.Errorf("it is followed %d times, last from %v behind %q; want %d times, from %v behind %q",
				len(followed), last.options.Since, last.options.Cursor, n, since, cursor)
		}
	}
	created := func(n int) time.Time { return time.Unix(int64(n), 0) }
	a.come("web", created(1))
	check(1, created(1), "")
	end()
	a.come("web", created(2))
	check(2, created(2), "")
	a.come("web", created(3))
	a.come("web", created(4))
	check(2, created(2), "")
	end()
	check(3, created(3), "")
	followed[2].takes(&client.LogLine{Cursor: "here"})
	a.come("web", created(5))
	end()
	check(4, created(5), "here")
	end()
	for i := range maxApps - 1 {
		a.come(fmt.Sprint("app", i), created(6))
		end()
	}
	a.come("web", created(7))
	check(maxApps+4, created(7), "here")
	end()
	for i := range maxApps {
		a.come(fmt.Sprint("app", i), created(8))
		end()
	}
	a.come("web", created(9))
	check(2*maxApps+5, created(9), "") // it was too long ago
}
