package nearest_test

import (
	"strings"
	"testing"

	"github.com/gafferd/gaffer/internal/nearest"
)

func TestHint(t *testing.T) {
	for _, c := range []struct {
		came  string
		known []string
		want  string
	}{
		{"wob", []string{"db", "web"}, ": did you mean web?"},
		{"strat", []string{"stop", "start"}, ": did you mean start?"},
		{"nope", []string{"db", "web"}, ": there is db, web"},
		{"log_file", []string{"args", "os_env"}, ": there is args, os_env"},
		{"wbe", []string{"db", "web"}, ": did you mean web?"},
		{"depends_on", []string{"env", "uid"}, ": there is env, uid"},
		{"work", []string{"web", "worker"}, ": did you mean worker?"},
		{"web-1", []string{"db", "web"}, ": did you mean web?"},
		{"nope", nil, ""},
		{"nope", strings.Split("aa bb cc dd ee ff gg hh ii", " "), ""},
	} {
		if got := nearest.Hint(c.came, c.known); got != c.want {
			t.Errorf("Hint(%q, %q) = %q, want %q", c.came, c.known, got, c.want)
		}
	}
}

func TestName(t *testing.T) {
	known := []string{"cmd", "args", "numprocesses", "redirect_output", "redirect_input"}
	for _, c := range []struct{ came, want string }{
		{"cmd", "cmd"},
		{"comand", "cmd"},
		{"numprocess", "numprocesses"},
		{"numproc", "numprocesses"},
		{"args_list", "args"},
		{"redirect_ouput", "redirect_output"},
		{"redirect-input", "redirect_input"},
		{"", "cmd"},
		{strings.Repeat("z", 1<<20), "cmd"},
	} {
		if got := nearest.Name(c.came, known); got != c.want {
			t.Errorf("Name(%.20q) = %q, want %q", c.came, got, c.want)
		}
	}
	if got := nearest.Name("cmd", nil); got != "" {
		t.Errorf("Name with no candidates = %q, want none", got)
	}
}

func TestNote(t *testing.T) {
	for _, c := range []struct{ came, want string }{
		{"exits", `, the nearest is "exit"`},
		{"spwan", `, the nearest is "spawn"`},
		{"log", `, the nearest is "log_failed"`},
		{"5", ": there is exit, spawn, log_failed"},
		{"heartbeat", ": there is exit, spawn, log_failed"},
		{"", ": there is exit, spawn, log_failed"},
	} {
		if got := nearest.Note(c.came, []string{"exit", "spawn", "log_failed"}); got != c.want {
			t.Errorf("Note(%q) = %q, want %q", c.came, got, c.want)
		}
	}
}
