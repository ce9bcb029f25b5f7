package manager

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gafferd/gaffer/process"
	"github.com/google/go-cmp/cmp"
)

func parseJSON(t *testing.T, text string) (Template, error) {
	t.Helper()
	var description map[string]any
	if err := json.Unmarshal([]byte(text), &description); err != nil {
		t.Fatal(err)
	}
	return ParseTemplate(description)
}

func TestParseTemplateSetsEveryProperty(t *testing.T) {
	got, err := parseJSON(t, `{
		"name": "shop:web", "cmd": "./web", "args": ["-p", "80"], "env": {"A": "b"}, "os_env": false,
		"uid": 1000, "gid": "users", "cwd": "/tmp", "umask": "027",
		"rlimits": {"NOFILE": 1024, "RLIMIT_CORE": "unlimited", "nproc": "100:200", "cpu": null}, "nice": -5, "oom_score_adj": 1000,
		"no_new_privs": false, "capabilities": ["CAP_Chown", "net_raw"], "shell": true, "detach": false,
		"numprocesses": 3, "start": false, "priority": -2, "graceful_timeout": 2.5, "stop_signal": "sigint",
		"restart": "on-failure", "backoff": {"initial": 1}, "flapping": {"attempts": 4, "window": 0.5},
		"redirect_output": ["out"], "redirect_input": true, "custom_streams": ["ctl"], "backpressure": true}`)
	if err != nil {
		t.Fatal(err)
	}
	priority, nice, score, noNewPrivs := -2, -5, 1000, false
	want := Template{
		Spec: process.Spec{
			Name: "shop:web", Cmd: "./web", Args: []string{"-p", "80"}, Env: map[string]string{"A": "b"},
			UID: "1000", GID: "users", Cwd: "/tmp", Umask: 0o027, Shell: true,
			Rlimits: map[string]process.Rlimit{"nofile": {Soft: 1024, Hard: 1024}, "core": {Soft: process.Unlimited, Hard: process.Unlimited}, "nproc": {Soft: 100, Hard: 200}},
			Nice:    &nice, OOMScoreAdj: &score, NoNewPrivs: &noNewPrivs, Capabilities: []string{"chown", "net_raw"},
			GracefulTimeout: 2500 * time.Millisecond, StopSignal: syscall.SIGINT,
			RedirectOutput: []string{"out"}, RedirectInput: true, CustomStreams: []string{"ctl"}, Backpressure: true,
		},
		NumProcesses: 3, Priority: &priority, Restart: RestartOnFailure,
		Backoff:  Backoff{Initial: time.Second, Max: 30 * time.Second, Reset: 10 * time.Second},
		Flapping: &Flapping{Attempts: 4, Window: 500 * time.Millisecond, RetryIn: 7 * time.Second, MaxRetry: 5},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What is shown can be sent back: by JSON, as a client does it, and directly.
func TestPropertiesRoundTrip(t *testing.T) {
	for _, text := range []string{
		`{"name": "web", "cmd": "sleep 1"}`,
		`{"name": "web", "cmd": "sleep", "args": "1 2 'a b'", "stop_signal": 9, "umask": 18, "flapping": {}}`,
		`{"name": "web", "cmd": "sleep", "args": [], "uid": "007", "redirect_output": [], "priority": 0}`,
		`{"name": "web", "cmd": "x", "flapping": false, "env": null, "backoff": {"initial": 60}, "essential": null}`,
		`{"name": "web", "cmd": "x", "rlimits": {"fsize": "18446744073709551614", "as": "1:unlimited", "nofile": 9007199254740992}, "capabilities": [], "nice": 0}`,
		`{"name": "web", "cmd": "x", "rlimits": {}, "no_new_privs": true}`,
	} {
		want, err := parseJSON(t, text)
		if err != nil {
			t.Fatal(err)
		}
		shown := map[string]any{}
		for _, p := range want.Properties() {
			shown[p.Name] = p.Value
		}
		again, err := ParseTemplate(shown)
		if err != nil || !again.sameProgram(&want) {
			t.Errorf("%s: shown as %v, read back as %+v, %v", text, shown, again, err)
		}
		data, err := json.Marshal(shown)
		if err != nil {
			t.Fatal(err)
		}
		again, err = parseJSON(t, string(data))
		if diff := cmp.Diff(want.Properties(), again.Properties()); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", data, err, diff)
		}
	}
}

func TestParseTemplateTellsOfMistakes(t *testing.T) {
	for _, test := range []struct{ description, want string }{
		{`{"numprocesses": "three"}`, `numprocesses: got "three" (a string), want a whole number`},
		{`{"numprocesses": 1.5}`, `numprocesses: got 1.5 (a number), want a whole number`},
		{`{"numprocesses": 1e30}`, `numprocesses: got 1e+30 (a number), want a number that is not that large`},
		{`{"numprocesses": -1}`, `numprocesses: got -1 (a number), want 0 or more`},
		{`{"cmd": 5}`, `cmd: got 5 (a number), want a string`},
		{`{"args": {}}`, `args: got an object, want a list of strings or a string`},
		{`{"args": ["a", 1]}`, `args: item 2: got 1 (a number), want a string`},
		{`{"env": {"PORT": 80, "HOST": true}}`, "env.HOST: got true (a boolean), want a string\nenv.PORT: got 80 (a number), want a string"},
		{`{"shell": "yes"}`, `shell: got "yes" (a string), want true or false`},
		{`{"uid": -1}`, `uid: got -1 (a number), want a name or a number from 0 up`},
		{`{"umask": "999"}`, `umask: got "999" (a string), want an octal string such as "022", or a number from 0 to 511 (0o777)`},
		{`{"graceful_timeout": "10"}`, `graceful_timeout: got "10" (a string), want a number of seconds`},
		{`{"graceful_timeout": -1}`, `graceful_timeout: got -1 (a number), want seconds from 0 to 1000000000`},
		{`{"stop_signal": "TREM"}`, `stop_signal: got "TREM" (a string), want a signal's name or number, such as "TERM" or 15`},
		{`{"restart": "sometimes"}`, `restart: got "sometimes", want always, on-failure or never`},
		{`{"backoff": 3}`, `backoff: got 3 (a number), want an object with initial, max, reset`},
		{`{"backoff": {"inital": 3, "max": "x"}}`, "backoff.max: got \"x\" (a string), want a number of seconds\n" +
			`backoff.inital: is not a known field, the nearest is "initial"`},
		{`{"backoff": {"initial": 3, "max": 2}}`, `backoff: max is below initial, want it at least as long`},
		{`{"flapping": {"attempts": 0}}`, `flapping: attempts must be 1 to 10000`},
		{`{"flapping": {"max_retry": -2}}`, `flapping: max_retry must be 0 or more, or -1 for no end`},
		{`{"redirect_output": "stdout"}`, `redirect_output: got "stdout" (a string), want a list of strings`},
		{`{"priority": "high"}`, `priority: got "high" (a string), want a whole number`},
		{`{"numproceses": 2}`, `numproceses: is not a known property, the nearest is "numprocesses"`},
		{`{"rlimits": "nofile"}`, `rlimits: got "nofile" (a string), want an object such as {"nofile": 1024, "core": "unlimited", "nproc": "100:200"}`},
		{`{"rlimits": {"nofiles": 1, "core": -1, "cpu": 1.5, "as": "1k", "fsize": 1e300, "data": "5:1", "DATA": 5}}`,
			"rlimits.as: got \"1k\" (a string), want a number from 0 up, \"unlimited\", or both limits as \"SOFT:HARD\"\n" +
				"rlimits.core: got -1 (a number), want a number from 0 up, \"unlimited\", or both limits as \"SOFT:HARD\"\n" +
				"rlimits.cpu: got 1.5 (a number), want a number from 0 up, \"unlimited\", or both limits as \"SOFT:HARD\"\n" +
				"rlimits.data: is there a second time, under another spelling\n" +
				"rlimits.fsize: got 1e+300 (a number), want a number from 0 up, \"unlimited\", or both limits as \"SOFT:HARD\"\n" +
				`rlimits.nofiles: is not a known limit, the nearest is "nofile"`},
		{`{"rlimits": {"data": "5:1"}}`, `rlimits.data: the soft limit 5 is above the hard one 1: give SOFT:HARD`},
		{`{"nice": 20}`, `nice: 20 is out of range: give -20 (first) to 19 (last)`},
		{`{"oom_score_adj": -1001}`, `oom_score_adj: -1001 is out of range: give -1000 (never killed) to 1000 (killed first)`},
		{`{"no_new_privs": 1}`, `no_new_privs: got 1 (a number), want true or false`},
		{`{"capabilities": ["net_bind", "CAP_CHOWN", "rule"]}`,
			"capabilities: \"net_bind\" is no capability, the nearest is \"net_bind_service\"\ncapabilities: \"rule\" is no capability, the nearest is \"kill\""},
		{`{"capabilities": ["CAP_CHOWN", "chown"]}`, `capabilities: "chown" is there twice`},
		{`{"essential": true, "detach": true, "cmd": "x"}`, `essential: does not go with detach: nobody sees how a detached process ends`},
		{`{"zzz": 1, "args": 1, "essential": false, "shell": 1}`, "args: got 1 (a number), want a list of strings or a string\n" +
			"shell: got 1 (a number), want true or false\n" +
			`zzz: is not a known property, the nearest is "cmd"`},
	} {
		var description map[string]any
		if err := json.Unmarshal([]byte(test.description), &description); err != nil {
			t.Fatal(err)
		}
		description["name"] = "web"
		if _, ok := description["cmd"]; !ok {
			description["cmd"] = "true"
		}
		_, err := ParseTemplate(description)
		if err == nil {
			t.Errorf("%s: no error, want %q", test.description, test.want)
			continue
		}
		if err.Error() != test.want {
			t.Errorf("%s:\n got %q\nwant %q", test.description, err, test.want)
		}
		want := ErrInvalid
		if strings.HasSuffix(test.want, "want 0 or more") || strings.HasSuffix(test.want, "not that large") {
			want = ErrBadValue
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v is not %q", test.description, err, want)
		}
	}
}

func TestParseTemplateTakesNoOddNumbers(t *testing.T) {
	for _, v := range []any{math.NaN(), math.Inf(1), math.Inf(-1), 1e300} {
		for _, name := range []string{"numprocesses", "priority", "graceful_timeout", "umask", "uid", "stop_signal"} {
			if _, err := ParseTemplate(map[string]any{"name": "web", "cmd": "x", name: v}); err == nil {
				t.Errorf("%s: %v was taken", name, v)
			}
		}
	}
}

// Every property refuses a value of every wrong type with its own name, and
// none panics.
func TestEveryPropertyNamesItself(t *testing.T) {
	type odd struct{}
	for _, p := range properties {
		for _, v := range []any{odd{}, []any{map[string]any{}}, map[string]any{"x": []any{}}} {
			_, err := ParseTemplate(map[string]any{"name": "web", "cmd": "x", p.name: v})
			if err == nil || !strings.HasPrefix(err.Error(), p.name) {
				t.Errorf("%s: %v: %v", p.name, v, err)
			}
		}
		if _, ok := PropertyKind(p.name); !ok {
			t.Errorf("%s has no kind", p.name)
		}
	}
	if _, ok := PropertyKind("zzz"); ok {
		t.Error("what does not exist has a kind")
	}
	if got := KindFlapping.FieldNames(); !slices.Equal(got, []string{"attempts", "window", "retry_in", "max_retry"}) {
		t.Errorf("fields of flapping: %v", got)
	}
}

func TestCloneSharesNothing(t *testing.T) {
	a, err := parseJSON(t, `{"name": "web", "cmd": "x", "args": ["1"], "env": {"A": "b"}, "priority": 1, "flapping": {}, "custom_streams": ["c"],
		"rlimits": {"core": 1}, "nice": 1, "oom_score_adj": 1, "no_new_privs": true, "capabilities": ["chown"]}`)
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprint(a.Properties())
	b := a.clone()
	b.Args[0], b.Env["A"], *b.Priority, b.Flapping.Attempts, b.RedirectOutput[0], b.CustomStreams[0] = "2", "c", 2, 9, "x", "y"
	b.Rlimits["core"], *b.Nice, *b.OOMScoreAdj, *b.NoNewPrivs, b.Capabilities[0] = process.Rlimit{}, 2, 2, false, "kill"
	if after := fmt.Sprint(a.Properties()); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

func FuzzParseTemplate(f *testing.F) {
	f.Add(`{"name": "web", "cmd": "x", "backoff": {"initial": 1e9}, "flapping": {"attempts": 1}, "env": {"": ""}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var description map[string]any
		if json.Unmarshal([]byte(text), &description) != nil {
			return
		}
		parsed, err := ParseTemplate(description)
		if err != nil {
			return
		}
		shown := map[string]any{}
		for _, p := range parsed.Properties() {
			shown[p.Name] = p.Value
		}
		if again, err := ParseTemplate(shown); err != nil || !again.sameProgram(&parsed) {
			t.Errorf("%v is read back as %+v, %v", shown, again, err)
		}
	})
}
