package process

import (
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExpand(t *testing.T) {
	env := map[string]string{"A": "1", "A_B": "2", "EMPTY": "", "REF": "$A"}
	for in, want := range map[string]string{
		"":            "",
		"plain":       "plain",
		"$A":          "1",
		"${A}":        "1",
		"x$A.y":       "x1.y",
		"$A$A_B${A}B": "121B",
		"$EMPTY|":     "|",
		"$REF":        "$A", // what a variable holds is not looked at again
		"$NONE":       "$NONE",
		"${NONE}":     "${NONE}",
		"$":           "$",
		"$$A":         "$A",
		"$${A}":       "${A}",
		"$$$A":        "$1",
		"$$$$A":       "$$A",
		"x$$A$A$$":    "x$A1$$",
		"$$":          "$$",
		"$$$$":        "$$$$",
		"$$ A $$.$A":  "$$ A $$.1",
		"$$NONE":      "$$NONE",
		"$$_$A":       "$$_1",
		"$$$${NONE}":  "$$$${NONE}",
		"$${A":        "$${A",
		"$1 ${1}":     "$1 ${1}",
		"${A":         "${A",
		"${}":         "${}",
		"${A:-x}":     "${A:-x}",
		"^a$":         "^a$",
		"$é":          "$é",
	} {
		if got := expand(in, env); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestArgv(t *testing.T) {
	env := map[string]string{"PORT": "80", "DIR": "a b"}
	for _, test := range []struct {
		about string
		spec  Spec
		want  []string
	}{
		{"cmd is split", Spec{Cmd: `./web "a b" 'c d' e\ f $PORT`}, []string{"./web", "a b", "c d", "e f", "80"}},
		{"variables do not split", Spec{Cmd: `./web $DIR`}, []string{"./web", "a b"}},
		{"the program may be in a variable", Spec{Cmd: `$DIR/web`}, []string{"a b/web"}},
		{"cmd with args is not split", Spec{Cmd: "./my web", Args: []string{"$PORT", "$X"}}, []string{"./my web", "80", "$X"}},
		{"no args, as a list", Spec{Cmd: "./my web", Args: []string{}}, []string{"./my web"}},
		{"args as a string", Spec{Cmd: "./web", ArgsLine: "-p $PORT 'x y'"}, []string{"./web", "-p", "80", "x y"}},
		{"shell", Spec{Cmd: "echo $PORT | cat", Shell: true}, []string{"sh", "-c", "echo $PORT | cat"}},
		{"a variable of the shell's own", Spec{Cmd: `sh -c 'PORT=$$; echo $$PORT $$'`}, []string{"sh", "-c", "PORT=$$; echo $PORT $$"}},
		{"shell with args", Spec{Cmd: "echo", Shell: true, Args: []string{"$PORT", "it's", "$X"}}, []string{"sh", "-c", `echo 80 it\'s \$X`}},
	} {
		got, err := test.spec.argv(env)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, %v; want %q", test.about, got, err, test.want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv(markerName, "")
	s := NewSpec("shop:web", "./web")
	s.Env = map[string]string{"A": "mine", "GAFFER_PID": "no"}
	s.CustomStreams = []string{"ctl", "aux"}
	o := Options{PID: 12, Index: 3, Environ: []string{"A=base", "B=base", "GAFFER_STREAMS=outer", "junk"}}
	account := &account{name: "web", home: "/srv/web", another: true}
	want := map[string]string{
		"A": "mine", "B": "base",
		"HOME": "/srv/web", "USER": "web", "LOGNAME": "web",
		"GAFFER_NAME": "shop:web", "GAFFER_PID": "12", "GAFFER_INDEX": "3", "GAFFER_STREAMS": "ctl=3,aux=4",
		markerName: "mark",
	}
	if diff := cmp.Diff(want, s.environment(&o, account, markerName+"=mark")); diff != "" {
		t.Error(diff)
	}

	s.Env["HOME"] = "/mine"
	s.OSEnv, s.CustomStreams = false, nil
	got := s.environment(&o, account, markerName+"=mark")
	if _, inherited := got["B"]; inherited || got["HOME"] != "/mine" {
		t.Errorf("without os_env: %v", got)
	}
	if _, there := got["GAFFER_STREAMS"]; there {
		t.Error("GAFFER_STREAMS is there without custom streams")
	}
}

func TestSignals(t *testing.T) {
	for in, want := range map[string]int{"15": 15, "term": 15, "SIGTERM": 15, "Term": 15, "kill": 9, "64": 64, "hup": 1, "SIGUSR1": 10} {
		if got, err := ParseSignal(in); err != nil || int(got) != want {
			t.Errorf("%s: got %v, %v", in, int(got), err)
		}
	}
	for _, in := range []string{"", "0", "-1", "65", "99999999999999999999", "SIG", "SIGSIGTERM", "nope", "15x"} {
		if got, err := ParseSignal(in); err == nil {
			t.Errorf("%q is taken for %v", in, got)
		}
	}
	if got := SignalName(15) + " " + SignalName(40); got != "TERM 40" {
		t.Errorf("got %s", got)
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("a$B${C}$", "1")
	f.Fuzz(func(t *testing.T, word, value string) {
		if got := expand(word, nil); got != word {
			t.Errorf("without variables %q became %q", word, got)
		}
		want := os.Expand("${A}", func(string) string { return value })
		if got := expand("${A}", map[string]string{"A": value}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
