package process

import (
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestChildEnvironment(t *testing.T) {
	s := program("env")
	s.OSEnv = false
	s.Env["A"] = "1"
	s.CustomStreams = []string{"ctl"}
	p := run(t, s, Options{PID: 7, Index: 2})
	got := strings.Split(strings.TrimSuffix(output(t, p, "stdout"), "\n"), "\n")
	got = slices.DeleteFunc(got, func(entry string) bool { return strings.HasPrefix(entry, markerName+"=") })
	want := []string{"A=1", "GAFFER_INDEX=2", "GAFFER_NAME=test", "GAFFER_PID=7", "GAFFER_STREAMS=ctl=3"}
	for name, value := range s.Env {
		if name != "A" {
			want = append(want, name+"="+value)
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChildHasItsGroup(t *testing.T) {
	p := run(t, program("hang"), Options{})
	leader, err := readProc(p.OSPid())
	self, _ := readProc(os.Getpid())
	if err != nil || leader.group != p.OSPid() || leader.session != self.session {
		t.Errorf("got %+v, %v", leader, err)
	}
}

func TestUmask(t *testing.T) {
	own := output(t, run(t, shell("umask"), Options{}), "stdout")
	var work sync.WaitGroup
	for i := range 40 {
		umask := []int{-1, 0, 0o77, 0o27}[i%4]
		work.Go(func() {
			s := shell("umask")
			s.Umask = umask
			want := own
			if umask >= 0 {
				want = fmt.Sprintf("%04o\n", umask)
			}
			p, err := Start(&s, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			<-p.Done()
			if data, _ := p.Logs()["stdout"].Read(0, 100); string(data) != want {
				t.Errorf("umask %o: got %q, want %q", umask, data, want)
			}
		})
	}
	work.Wait()
	if after := output(t, run(t, shell("umask"), Options{}), "stdout"); after != own {
		t.Errorf("our own was %q and is %q", own, after)
	}
}

func TestOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may run programs as somebody else")
	}
	nobody, err := user.LookupId("65534")
	if err != nil {
		t.Skip("there is no user 65534 here: ", err)
	}
	ids, err := nobody.GroupIds()
	if err != nil {
		t.Fatal(err)
	}
	groups := strings.Join(ids, " ")
	for _, test := range []struct{ uid, gid, want string }{
		{"65534", "", fmt.Sprintf("65534 %s|%s|%s %s %s", nobody.Gid, groups, nobody.HomeDir, nobody.Username, nobody.Username)},
		{nobody.Username, "", fmt.Sprintf("65534 %s|%s|%s %s %s", nobody.Gid, groups, nobody.HomeDir, nobody.Username, nobody.Username)},
		{nobody.Username, "12345", fmt.Sprintf("65534 12345|12345 %s|%s %s %s", groups, nobody.HomeDir, nobody.Username, nobody.Username)},
		{"4444", "12345", "4444 12345|12345|/"},
	} {
		s := shell("echo $(id -u) $(id -g)'|'$(id -G)'|'$HOME $USER $LOGNAME")
		s.UID, s.GID, s.Cwd = test.uid, test.gid, "/"
		p := run(t, s, Options{Environ: []string{"HOME=base", "USER=base", "LOGNAME=base"}})
		if got := strings.TrimSpace(output(t, p, "stdout")); got != test.want {
			t.Errorf("uid %q, gid %q: got %q, want %q", test.uid, test.gid, got, test.want)
		}
	}
}

// Every descriptor of ours that a child inherits keeps a pipe open.
func TestConcurrentLaunchesLeakNoDescriptor(t *testing.T) {
	var work sync.WaitGroup
	for i := range 60 {
		work.Go(func() {
			s := program("descriptors")
			want := "0 1 2"
			switch i % 4 {
			case 0:
				s.RedirectInput = true
			case 1:
				s.CustomStreams = []string{"a", "b"}
				want = "0 1 2 3 4"
			case 2:
				s.Umask = 0o22
			case 3:
				s.Rlimits = map[string]Rlimit{"core": {}}
			}
			p, err := Start(&s, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			<-p.Done()
			if got, _ := p.Logs()["stdout"].Read(0, 1000); string(got) != want {
				t.Errorf("the child has %q, want %q", got, want)
			}
		})
	}
	work.Wait()
}

func TestLaunchersMayBeGone(t *testing.T) {
	before := descriptors(t)
	groups := cgroupNames(t)
	for _, o := range []LauncherOptions{{}, {NoCgroups: true}} {
		l, err := NewLocalLauncher(o)
		if err != nil {
			t.Fatal(err)
		}
		end(t, run(t, program("exit", "0"), Options{Launcher: l}))
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if after := cgroupNames(t); !maps.Equal(groups, after) {
		t.Errorf("cgroups before %v, after %v", groups, after)
	}
}
