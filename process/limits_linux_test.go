package process

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/process/spawn"
)

func intPointer(n int) *int    { return &n }
func boolPointer(b bool) *bool { return &b }

// standing is what the kernel says of a child: a line a fact.
const standing = `set -e
echo nofile $(ulimit -Sn) $(ulimit -Hn)
echo core $(ulimit -Sc) $(ulimit -Hc)
echo nice $(nice)
echo oom $(cat /proc/self/oom_score_adj)
grep -E '^(NoNewPrivs|Cap...|Uid|Gid|Groups):' /proc/self/status | tr -s '\t ' ' '
echo umask $(umask)
echo cwd $PWD $(pwd)
echo set $A $GOGC $_A
ls /proc/$$/fd`

// stand is what a program of that description finds.
func stand(t *testing.T, change func(*Spec)) map[string]string {
	t.Helper()
	s := shell(standing)
	s.Env = map[string]string{"A": "1", "GODEBUG": "inittrace=1"}
	change(&s)
	p := run(t, s, Options{})
	end(t, p)
	facts := map[string]string{}
	for line := range strings.Lines(output(t, p, "stdout")) {
		name, value, fact := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !fact {
			facts["fds"] = strings.TrimSpace(facts["fds"] + " " + name)
			continue
		}
		facts[strings.TrimSuffix(name, ":")] = strings.TrimSpace(value)
	}
	if p.Exit().ExitStatus != 0 || facts["set"] != "1" {
		t.Errorf("%+v: %q %q", p.Exit(), output(t, p, "stdout"), output(t, p, "stderr"))
	}
	if e := output(t, p, "stderr"); e != "" {
		t.Errorf("on stderr: %q", e)
	}
	return facts
}

func hasFacts(t *testing.T, got map[string]string, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%s is %q, want %q", name, got[name], want[name])
		}
	}
}

func TestLimits(t *testing.T) {
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &own); err != nil {
		t.Fatal(err)
	}
	plain := stand(t, func(*Spec) {})
	dir := t.TempDir()
	changed := stand(t, func(s *Spec) {
		s.Rlimits = map[string]Rlimit{"nofile": {100, 200}, "core": {0, 0}}
		s.Nice, s.OOMScoreAdj, s.NoNewPrivs = intPointer(7), intPointer(500), boolPointer(true)
		s.Umask, s.Cwd = 0o27, dir
	})
	want := maps.Clone(plain) // what was not asked for is as it was
	maps.Copy(want, map[string]string{
		"nofile": "100 200", "core": "0 0", "nice": "7", "oom": "500", "NoNewPrivs": "1", "umask": "0027", "cwd": dir + " " + dir,
	})
	hasFacts(t, changed, want)
	if plain["fds"] != "0 1 2" {
		t.Errorf("it has the descriptors %s", plain["fds"])
	}
	niced := stand(t, func(s *Spec) { s.Nice, s.NoNewPrivs = intPointer(3), boolPointer(true) })
	want = maps.Clone(plain)
	want["nice"], want["NoNewPrivs"] = "3", "1"
	hasFacts(t, niced, want)

	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil || now != own {
		t.Errorf("our own limit was %v and is %v, %v", own, now, err)
	}
	hasFacts(t, stand(t, func(*Spec) {}), plain)
}

// TestLimitsAreTheirOwn starts children with different limits at the same time.
func TestLimitsAreTheirOwn(t *testing.T) {
	plain := stand(t, func(*Spec) {})
	var work sync.WaitGroup
	for i := range 24 {
		work.Go(func() {
			want := maps.Clone(plain)
			got := stand(t, func(s *Spec) {
				if i%2 == 0 {
					s.Rlimits = map[string]Rlimit{"nofile": {uint64(50 + i), uint64(50 + i)}}
					want["nofile"] = fmt.Sprintf("%d %[1]d", 50+i)
				}
				if i%3 == 0 {
					s.Nice = intPointer(i % 20)
					want["nice"] = fmt.Sprint(i % 20)
				}
				if i%4 == 0 {
					s.NoNewPrivs = boolPointer(true)
					want["NoNewPrivs"] = "1"
				}
			})
			hasFacts(t, got, want)
		})
	}
	work.Wait()
}

// TestLimitsTakeNoThreads starts many children from threads of their own: Go ends
// a program that needs another thread when there may be no more.
func TestLimitsTakeNoThreads(t *testing.T) {
	once := func() {
		s := program("exit", "0")
		s.Umask, s.Nice = 0o77, intPointer(1)
		end(t, run(t, s, Options{}))
	}
	once()
	tasks := func() map[string]bool {
		entries, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, e := range entries {
			found[e.Name()] = true
		}
		return found
	}
	before := tasks()
	for range 50 {
		once()
	}
	gone := 0
	for id := range before {
		if !tasks()[id] {
			gone++
		}
	}
	if gone > 5 {
		t.Errorf("of %d threads %d are gone after 50 children", len(before), gone)
	}
}

// The capabilities of these tests are numbers in the kernel's own form.
const (
	noCaps = "0000000000000000"
	onlyIt = "0000000000000400" // net_bind_service
)

// TestRightsOfAnotherUser is about who drops from root, with limits that need a
// helper and without.
func TestRightsOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may run programs as somebody else")
	}
	own := stand(t, func(*Spec) {})
	for name, c := range map[string]struct {
		change func(*Spec)
		want   map[string]string
	}{
		"unasked": {func(*Spec) {}, map[string]string{
			"CapInh": noCaps, "CapPrm": noCaps, "CapEff": noCaps, "CapAmb": noCaps, "NoNewPrivs": "1",
		}},
		"privileges": {func(s *Spec) { s.NoNewPrivs = boolPointer(false) }, map[string]string{
			"CapPrm": noCaps, "CapEff": noCaps, "CapAmb": noCaps, "CapBnd": own["CapBnd"], "NoNewPrivs": "0",
		}},
		"capability": {func(s *Spec) { s.Capabilities = []string{"net_bind_service"} }, map[string]string{
			"CapInh": onlyIt, "CapPrm": onlyIt, "CapEff": onlyIt, "CapAmb": onlyIt, "CapBnd": onlyIt, "NoNewPrivs": "1",
		}},
		"none": {func(s *Spec) { s.Capabilities, s.NoNewPrivs = []string{}, boolPointer(false) }, map[string]string{
			"CapPrm": noCaps, "CapEff": noCaps, "CapAmb": noCaps, "CapBnd": noCaps, "NoNewPrivs": "0",
		}},
	} {
		for _, helped := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s,helped=%v", name, helped), func(t *testing.T) {
				want := map[string]string{"Uid": "65534 65534 65534 65534", "Gid": "65533 65533 65533 65533", "nofile": own["nofile"], "fds": "0 1 2"}
				maps.Copy(want, c.want)
				got := stand(t, func(s *Spec) {
					s.UID, s.GID = "65534", "65533"
					if helped {
						s.Rlimits = map[string]Rlimit{"nofile": {60, 70}}
						want["nofile"] = "60 70"
					}
					c.change(s)
				})
				hasFacts(t, got, want)
			})
		}
	}
}

// A program that may have no signal pending becomes another user as any other: Go
// would tell its threads to by signals.
func TestNoSignalsPendingForAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may run programs as somebody else")
	}
	s := shell("grep -E '^(Uid|Gid|Groups|CapEff|CapPrm|CapAmb|NoNewPrivs):' /proc/self/status | tr -s '\\t ' ' '; grep pending /proc/self/limits | tr -s ' '")
	s.UID, s.GID, s.Cwd = "4444", "65533", "/"
	s.Rlimits = map[string]Rlimit{"sigpending": {}}
	s.Capabilities = []string{"chown"}
	want := "Uid: 4444 4444 4444 4444\nGid: 65533 65533 65533 65533\nGroups: \n" +
		"CapPrm: 0000000000000001\nCapEff: 0000000000000001\nCapAmb: 0000000000000001\nNoNewPrivs: 1\nMax pending signals 0 0 signals \n"
	if got := output(t, run(t, s, Options{}), "stdout"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestEnvironmentOfAnotherUser is about what the daemon's variables would tell,
// of a user that the machine knows and of one that it does not.
func TestEnvironmentOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may run programs as somebody else")
	}
	base := []string{"PATH=" + os.Getenv("PATH"), "HOME=/root", "USER=root", "LOGNAME=root", "GAFFER_TOKEN=secret"}
	for uid, want := range map[string]string{
		"65534": "nobody nobody /nonexistent unset", "4000000000": "unset unset / unset", "0": "root root /root unset",
	} {
		if u, err := user.LookupId(uid); err == nil {
			want = u.Username + " " + u.Username + " " + u.HomeDir + " unset"
		}
		s := shell("echo ${USER-unset} ${LOGNAME-unset} $HOME ${GAFFER_TOKEN-unset}")
		s.UID, s.GID = uid, "65534"
		p := run(t, s, Options{Environ: base})
		end(t, p)
		if got := strings.TrimSpace(output(t, p, "stdout")); got != want {
			t.Errorf("user %s finds %q, want %q", uid, got, want)
		}
	}
	s := shell("echo $GAFFER_TOKEN")
	s.Env = map[string]string{"GAFFER_TOKEN": "given"}
	p := run(t, s, Options{Environ: base})
	end(t, p)
	if got := output(t, p, "stdout"); got != "given\n" {
		t.Errorf("a token of its own is %q", got)
	}
}

// TestCapabilities limits those of a child that stays root.
func TestCapabilities(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root has capabilities to limit")
	}
	own := stand(t, func(*Spec) {})
	for _, helped := range []bool{false, true} {
		for caps, mask := range map[string]string{"": noCaps, "net_bind_service": onlyIt} {
			got := stand(t, func(s *Spec) {
				s.Capabilities = strings.Fields(caps)
				if helped {
					s.OOMScoreAdj = intPointer(900)
				}
			})
			hasFacts(t, got, map[string]string{"CapPrm": mask, "CapEff": mask, "CapBnd": mask, "Uid": own["Uid"], "NoNewPrivs": own["NoNewPrivs"]})
		}
	}
	hasFacts(t, stand(t, func(*Spec) {}), own)
}

// TestLimitsThatCannotBe starts what cannot be started, with limits that take a
// helper. The errors are those that there would be without, and nothing is left.
func TestLimitsThatCannotBe(t *testing.T) {
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &own); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t)
	limited := func(cmd string) Spec {
		s := NewSpec("test", cmd)
		s.Rlimits = map[string]Rlimit{"core": {0, own.Max}}
		return s
	}
	for _, c := range []struct {
		spec Spec
		is   error
		says string
	}{
		{limited("/no/such/program"), syscall.ENOENT, "/no/such/program: no such file"},
		{limited("/etc/passwd"), syscall.EACCES, "not executable"},
		{func() Spec { s := limited("/bin/true"); s.Cwd = "/no/such/folder"; return s }(), syscall.ENOENT, "cwd /no/such/folder"},
		{func() Spec {
			s := limited("/bin/true")
			s.Rlimits["nofile"] = Rlimit{Unlimited, Unlimited} // more than the kernel has
			return s
		}(), syscall.EPERM, "rlimits: nofile to unlimited:unlimited: operation not permitted"},
	} {
		_, err := Start(&c.spec, Options{})
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v with %q", c.spec.Cmd, err, c.is, c.says)
		}
	}
	if n := descriptors(t); n != before {
		t.Errorf("there were %d descriptors and are %d", before, n)
	}
	if left := zombies(); len(left) > 0 {
		t.Errorf("zombies are left: %+v", left)
	}
}

// TestNamesOfLimits compares the names with what the kernel's headers say.
func TestNamesOfLimits(t *testing.T) {
	for _, name := range rlimitNames {
		if _, ok := spawn.ResourceNumber(name); !ok {
			t.Errorf("%s has no number", name)
		}
	}
	for name, number := range map[string]int{
		"chown": unix.CAP_CHOWN, "net_bind_service": unix.CAP_NET_BIND_SERVICE, "sys_admin": unix.CAP_SYS_ADMIN,
		"sys_resource": unix.CAP_SYS_RESOURCE, "setfcap": unix.CAP_SETFCAP, "checkpoint_restore": unix.CAP_CHECKPOINT_RESTORE,
	} {
		if got := slices.Index(spawn.CapabilityNames, name); got != number {
			t.Errorf("%s has the number %d, want %d", name, got, number)
		}
	}
	if len(spawn.CapabilityNames) != unix.CAP_LAST_CAP+1 {
		t.Errorf("there are %d names of capabilities, want %d", len(spawn.CapabilityNames), unix.CAP_LAST_CAP+1)
	}
}

func TestParseRlimit(t *testing.T) {
	for text, want := range map[string]Rlimit{
		"1024": {1024, 1024}, "100:200": {100, 200}, "unlimited": {Unlimited, Unlimited}, "0:Infinity": {0, Unlimited}, " 1 : 2 ": {1, 2},
	} {
		got, err := ParseRlimit(text)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if again, err := ParseRlimit(got.String()); err != nil || again != want {
			t.Errorf("%q is written as %q", text, got)
		}
	}
	for _, text := range []string{"", "-1", "1:", ":", "1:2:3", "1k", "1.5"} {
		if got, err := ParseRlimit(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

// A capability that the daemon lacks is called by its name.
func TestCapabilityThatTheDaemonLacks(t *testing.T) {
	permitted, err := strconv.ParseUint(statusOf(t, "CapPrm"), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	for number, name := range CapabilityNames() {
		if permitted&(1<<number) != 0 {
			continue
		}
		_, err := Start(&Spec{Name: "web", Cmd: "true", StopSignal: syscall.SIGTERM, Capabilities: []string{name}}, Options{})
		if want := "capabilities: " + name + " is not the daemon's to give"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		return
	}
	t.Skip("it has them all")
}

func statusOf(t *testing.T, field string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), field+":")
	value, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(value)
}
