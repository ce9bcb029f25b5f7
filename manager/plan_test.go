package manager

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// told is a plan in a line: "+api ~web(cmd env.PORT, restarts) -old".
func told(p Plan) string {
	var words []string
	for _, name := range p.Added {
		words = append(words, "+"+name)
	}
	for _, c := range p.Changed {
		var what []string
		for _, d := range c.Properties {
			text := d.Property
			if !strings.HasPrefix(d.Property, "env.") {
				text += fmt.Sprintf(":%v→%v", d.From, d.To)
			} else if d.From != nil || d.To != nil {
				text += " with its value"
			}
			what = append(what, text)
		}
		word := "~" + c.Name + "(" + strings.Join(what, " ") + ")"
		if c.Restarts {
			word += "restarts"
		}
		if c.Starts {
			word += "starts"
		}
		words = append(words, word)
	}
	for _, name := range p.Removed {
		words = append(words, "-"+name)
	}
	return strings.Join(words, " ")
}

// reload applies templates, which must come to what Plan says.
func (f *fixture) reload(want string, ts ...Template) *Operation {
	f.Helper()
	planned, err := f.Plan(ts)
	if err != nil {
		f.Fatal(err)
	}
	applied, o, err := f.Apply(ts)
	f.do(o, err)
	if told(planned) != want || told(applied) != want {
		f.Errorf("planned %q,\napplied %q,\nwant    %q", told(planned), told(applied), want)
	}
	return o
}

func env(vars ...string) func(*Template) {
	return func(t *Template) {
		t.Env = map[string]string{}
		for _, v := range vars {
			name, value, _ := strings.Cut(v, "=")
			t.Env[name] = value
		}
	}
}

// unordered are events without pids, in an order of their own: what happens to
// several templates at once may come in any.
func unordered(events string) string {
	list := strings.Split(regexp.MustCompile(` \d+`).ReplaceAllString(events, ""), ", ")
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func unstarted(t *Template) { t.Start = false }

func TestApply(t *testing.T) {
	same := quiet("same")
	for _, c := range []struct {
		name         string
		before, file []Template
		plan         string
		events       string
		alive        string
	}{
		{"nothing", []Template{same}, []Template{same}, "", "", "same-1"},
		{"add", []Template{same}, []Template{same, quiet("b"), quiet("a", priority(1))},
			"+a +b", "create a, create b, start a, spawn a, start b, spawn b", "a-1 b-1 same-1"},
		{"remove", []Template{same, quiet("old")}, []Template{same},
			"-old", "stop old, stop_pid old, delete old, exit old", "same-1"},
		{"change", []Template{same, quiet("web", env("A=1", "B=2", "C=3"))},
			[]Template{same, quiet("web", command("/bin/new"), env("B=2", "C=4", "D=5"))},
			"~web(cmd:/bin/fake→/bin/new env.A env.C env.D)restarts",
			"update web, stop_pid web, exit web, spawn web", "same-1 web-1"},
		{"scale", []Template{quiet("web", count(1))}, []Template{quiet("web", count(3))},
			"~web(numprocesses:1→3)", "update web, spawn web, spawn web", "web-1 web-2 web-3"},
		{"start", []Template{quiet("web", unstarted)}, []Template{quiet("web")},
			"~web(start:false→true)starts", "update web, start web, spawn web", "web-1"},
		{"start no more", []Template{quiet("web")}, []Template{quiet("web", unstarted)},
			"~web(start:true→false)", "update web", "web-1"},
		{"idle", nil, []Template{quiet("web", unstarted)}, "+web", "create web", ""},
		{"all at once", []Template{quiet("a"), quiet("b"), quiet("c")}, []Template{quiet("d"), quiet("c", command("/x")), quiet("a")},
			"+d ~c(cmd:/bin/fake→/x)restarts -b",
			"stop b, stop_pid b, delete b, update c, stop_pid c, create d, exit b, exit c, start d, spawn d, spawn c", "a-1 c-1 d-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, &fakeLauncher{}, func(f *fixture) {
				f.over(f.do(f.Load(c.before)))
				f.events()
				if err := f.over(f.reload(c.plan, c.file...)); err != nil {
					t.Error(err)
				}
				if got := unordered(f.events()); got != unordered(c.events) {
					t.Errorf("events:\n got %s\nwant %s", got, unordered(c.events))
				}
				f.wantAlive(c.alive)
				f.over(f.reload("", c.file...))
				f.wantEvents("")
			})
		})
	}
}

// What users have made of a process over the API stays while the file says of it
// what it said before.
func TestApplyLeavesUsersDecisions(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		file := []Template{quiet("stopped"), quiet("scaled", count(2)), quiet("updated"), quiet("started", unstarted), quiet("deleted")}
		f.over(f.do(f.Load(file)))
		f.do(f.Create(quiet("mine")))
		f.do(f.Stop("stopped"))
		_, o, err := f.Scale("scaled", 3)
		f.do(o, err)
		f.do(f.Update("updated", quiet("updated", command("/bin/other"))))
		f.do(f.Start("started"))
		f.do(f.Delete("deleted"))
		alive := "mine-1 scaled-1 scaled-2 scaled-3 started-1 updated-1"
		f.wantAlive(alive)
		f.events()

		f.over(f.reload("+deleted", file...))
		f.wantAlive("deleted-1 " + alive)

		// What the file says anew counts, and leaves the rest: stopped stays so, and
		// a number that the file has not touched.
		file[0].Cmd, file[1].Cmd, file[2].NumProcesses = "/bin/new", "/bin/new", 2
		f.over(f.reload("~stopped(cmd:/bin/fake→/bin/new) ~scaled(cmd:/bin/fake→/bin/new)restarts "+
			"~updated(cmd:/bin/other→/bin/fake numprocesses:1→2)restarts", file...))
		f.wantAlive("deleted-1 mine-1 scaled-1 scaled-2 scaled-3 started-1 updated-1 updated-2")

		// The file comes to say what is so already.
		f.events()
		file[1].NumProcesses = 3
		f.over(f.reload("", file...))
		f.wantEvents("")
		_, o, err = f.Scale("scaled", 1)
		f.do(o, err)
		f.over(f.reload("", file...))
		f.wantAlive("deleted-1 mine-1 scaled-1 started-1 updated-1 updated-2")
	})
}

func TestApplyIsAllOrNothing(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		f.over(f.do(f.Load([]Template{quiet("old"), quiet("web")})))
		f.do(f.Create(quiet("mine")))
		f.events()
		wrong := []Template{quiet("web", command("/bin/new")), quiet("mine"), quiet("bad", restarting("often")), quiet("many", count(10_001)), quiet("web")}
		_, planned := f.Plan(wrong)
		_, _, err := f.Apply(wrong)
		for _, want := range []error{ErrExists, ErrInvalid, ErrBadValue} {
			if !errors.Is(err, want) {
				t.Errorf("%v is not %q", err, want)
			}
		}
		if n := strings.Count(err.Error(), "\n"); n != 3 || planned.Error() != err.Error() {
			t.Errorf("%d mistakes are told: %v\nand planned: %v", n+1, err, planned)
		}
		f.wantEvents("")
		f.wantAlive("mine-1 old-1 web-1")
	})
}

// An apply while the batches of a load are still being started does not start
// anything twice, or what the file does not have any more.
func TestApplyDuringLoad(t *testing.T) {
	bubble(t, &fakeLauncher{takes: time.Second}, func(f *fixture) {
		loading := f.do(f.Load([]Template{quiet("first", priority(0)), quiet("second"), quiet("third")}))
		_, o, err := f.Apply([]Template{quiet("first", priority(0)), quiet("third", command("/bin/new")), quiet("fourth")})
		f.do(o, err)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		f.over(loading)
		f.over(o)
		f.wantAlive("first-1 fourth-1 third-1")
	})
}

func TestApplyTellsOfFailedStarts(t *testing.T) {
	bubble(t, &fakeLauncher{refuse: noSuch}, func(f *fixture) {
		f.over(f.do(f.Load([]Template{quiet("web")})))
		err := f.over(f.reload("+good ~web(cmd:/bin/fake→/bin/missing)restarts", quiet("good"), quiet("web", command("/bin/missing"))))
		if err == nil || !strings.HasPrefix(err.Error(), "start web: ") {
			t.Error(err)
		}
		f.wantAlive("good-1")
	})
}

func TestApplyAfterShutdown(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		f.over(f.do(f.Load([]Template{quiet("web")})))
		if err := f.Shutdown(f.Context()); err != nil {
			t.Error(err)
		}
		if _, _, err := f.Apply(nil); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

// One of many has changed: nothing happens to the others.
func TestApplyTouchesOnlyWhatChanged(t *testing.T) {
	bubble(t, &fakeLauncher{}, func(f *fixture) {
		var file []Template
		for i := range 200 {
			file = append(file, quiet(fmt.Sprintf("web%d", i)))
		}
		f.over(f.do(f.Load(file)))
		launched := f.launches
		f.events()
		file[100].Cmd = "/bin/new"
		f.over(f.reload("~web100(cmd:/bin/fake→/bin/new)restarts", file...))
		if f.launches != launched+1 {
			t.Errorf("%d launches", f.launches-launched)
		}
		f.wantEvents("update web100, stop_pid web100 101, exit web100 101, spawn web100 201")
	})
}
