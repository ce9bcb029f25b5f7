package process

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNewSpecIsValid(t *testing.T) {
	s := NewSpec("shop:web", "./web --port 80")
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidateNamesTheProperty(t *testing.T) {
	long := strings.Repeat("x", 129)
	many := make([]string, 30)
	for i := range many {
		many[i] = "s" + strings.Repeat("x", i)
	}
	for _, test := range []struct {
		property string
		mistake  func(*Spec)
		says     string // a part of the problem
	}{
		{"name", func(s *Spec) { s.Name = "" }, "required"},
		{"name", func(s *Spec) { s.Name = long }, "129"},
		{"name", func(s *Spec) { s.Name = "123" }, "digits"},
		{"name", func(s *Spec) { s.Name = "a/b" }, `"a/b"`},
		{"name", func(s *Spec) { s.Name = "a::b" }, `"a::b"`},
		{"name", func(s *Spec) { s.Name = ".." }, `".."`},
		{"name", func(s *Spec) { s.Name = "a\x00" }, `"a\x00"`},
		{"name", func(s *Spec) { s.Name = "a:" }, `"a:"`},
		{"name", func(s *Spec) { s.Name = "-a" }, `"-a"`},
		{"cmd", func(s *Spec) { s.Cmd = " " }, "required"},
		{"cmd", func(s *Spec) { s.Cmd = "a\x00" }, "NUL"},
		{"cmd", func(s *Spec) { s.Cmd = "say 'hi" }, "not closed"},
		{"cmd", func(s *Spec) { s.Cmd = `say "hi` }, "not closed"},
		{"cmd", func(s *Spec) { s.Cmd = `say \` }, "nothing follows"},
		{"cmd", func(s *Spec) { s.Cmd = `"" x` }, "no program"},
		{"args", func(s *Spec) { s.Args, s.ArgsLine = []string{"a"}, "b" }, "both"},
		{"args", func(s *Spec) { s.Args = []string{"a", "\x00"} }, "NUL"},
		{"args", func(s *Spec) { s.ArgsLine = "it's" }, "not closed"},
		{"env", func(s *Spec) { s.Env = map[string]string{"A=B": "c"} }, `"A=B"`},
		{"env", func(s *Spec) { s.Env = map[string]string{"": "c"} }, `""`},
		{"env", func(s *Spec) { s.Env = map[string]string{"A": "\x00"} }, "NUL"},
		{"uid", func(s *Spec) { s.UID = "-1" }, "-1"},
		{"uid", func(s *Spec) { s.UID = "4294967295" }, "4294967295"},
		{"gid", func(s *Spec) { s.GID = "a:b" }, `"a:b"`},
		{"cwd", func(s *Spec) { s.Cwd = "/\x00" }, "NUL"},
		{"umask", func(s *Spec) { s.Umask = -2 }, "-2"},
		{"umask", func(s *Spec) { s.Umask = 0o1000 }, "512"},
		{"graceful_timeout", func(s *Spec) { s.GracefulTimeout = -time.Second }, "-1s"},
		{"stop_signal", func(s *Spec) { s.StopSignal = 0 }, "0"},
		{"stop_signal", func(s *Spec) { s.StopSignal = 65 }, "65"},
		{"redirect_output", func(s *Spec) { s.RedirectOutput = []string{"a", "b", "c"} }, "3 labels"},
		{"redirect_output", func(s *Spec) { s.RedirectOutput = []string{"a b"} }, `"a b"`},
		{"redirect_output", func(s *Spec) { s.RedirectOutput = []string{"a:b"} }, `"a:b"`},
		{"redirect_output", func(s *Spec) { s.RedirectOutput = []string{"stdin"} }, "input's own"},
		{"custom_streams", func(s *Spec) { s.CustomStreams = []string{"stdin"} }, "input's own"},
		{"custom_streams", func(s *Spec) { s.CustomStreams = []string{"a", "a"} }, "twice"},
		{"custom_streams", func(s *Spec) { s.CustomStreams = []string{"stdout"} }, "twice"},
		{"custom_streams", func(s *Spec) { s.CustomStreams = []string{"a,b=3"} }, `"a,b=3"`},
		{"custom_streams", func(s *Spec) { s.CustomStreams = many }, "30 labels"},
		{"custom_streams", func(s *Spec) { s.Detach, s.CustomStreams = true, []string{"a"} }, "detached"},
		{"redirect_input", func(s *Spec) { s.Detach, s.RedirectInput = true, true }, "detached"},
	} {
		s := NewSpec("web", "./web")
		test.mistake(&s)
		err := s.Validate()
		problem, ok := errors.AsType[*PropertyError](err)
		if !ok || problem.Property != test.property || !strings.Contains(problem.Problem, test.says) || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want a problem that says %q", test.property, err, test.says)
		}
	}
}

func TestValidateTellsEverythingAtOnce(t *testing.T) {
	s := Spec{Umask: -5, UID: "a/b", GracefulTimeout: -1, RedirectOutput: []string{"stdin", "?"}}
	var properties []string
	for _, err := range s.Validate().(interface{ Unwrap() []error }).Unwrap() {
		properties = append(properties, err.(*PropertyError).Property)
	}
	want := []string{"name", "cmd", "uid", "umask", "graceful_timeout", "stop_signal", "redirect_output", "redirect_output"}
	if !slices.Equal(properties, want) {
		t.Errorf("got %v, want %v", properties, want)
	}
}

func TestShellLineIsNotSplit(t *testing.T) {
	s := NewSpec("web", "echo 'it is $HOME")
	s.Shell = true
	if err := s.Validate(); err != nil {
		t.Errorf("only the shell knows whether that is right, but: %v", err)
	}
}
