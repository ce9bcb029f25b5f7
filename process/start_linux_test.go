package process

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gafferd/gaffer/process/spawn"
)

func TestStartErrors(t *testing.T) {
	reapStrays()
	run(t, program("hang"), Options{}) // opens what is opened once
	dir := t.TempDir()
	write := func(name, content string, mode fs.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := write("plain", "#!/bin/sh\n", 0o644)
	broken := write("broken", "#!/no/such/interpreter\n", 0o755)
	garbage := write("garbage", "\x7fELF nonsense", 0o755)
	write("web", "#!/bin/sh\n", 0o755)
	t.Setenv("PATH", os.Getenv("PATH")+":"+dir)

	for _, test := range []struct {
		mistake func(*Spec)
		want    error
		says    string
	}{
		{func(s *Spec) { s.Cmd = "./nosuch" }, syscall.ENOENT, "start web: ./nosuch: no such file or directory"},
		{func(s *Spec) { s.Cmd = "nosuch" }, syscall.ENOENT, "start web: nosuch: not found in PATH ("},
		{func(s *Spec) { s.Env = map[string]string{"PATH": "/none"} }, syscall.ENOENT, "start web: sh: not found in PATH ($PATH)"},
		{func(s *Spec) { s.Cmd, s.Env = "plain", map[string]string{"PATH": dir} }, syscall.EACCES, "found in PATH, but not executable"},
		{func(s *Spec) { s.Cmd, s.Env = "/none/$A/${HOME}/x $A", map[string]string{"A": "secret"} }, syscall.ENOENT, "start web: /none/$A/" + os.Getenv("HOME") + "/x: no such file"},
		{func(s *Spec) { s.Cmd, s.Env = "$A$B", map[string]string{"A": dir, "B": "/broken"} }, syscall.ENOENT, "start web: $A$B: its interpreter"},
		{func(s *Spec) { s.Cmd, s.Env = "$A", map[string]string{"A": "broken"} }, syscall.ENOENT, "start web: $A: its interpreter"},
		{func(s *Spec) { s.Cmd, s.Env = "broken", map[string]string{"PATH": dir} }, syscall.ENOENT, "start web: broken: its interpreter"},
		{func(s *Spec) { s.Cmd = plain }, syscall.EACCES, "chmod +x"},
		{func(s *Spec) { s.Cmd = dir }, syscall.EACCES, "is a directory"},
		{func(s *Spec) { s.Cmd = broken }, syscall.ENOENT, "interpreter"},
		{func(s *Spec) { s.Cmd = garbage }, syscall.ENOEXEC, "program for this machine"},
		{func(s *Spec) { s.Cwd = dir + "/none" }, syscall.ENOENT, "start web: cwd " + dir + "/none: no such file or directory"},
		{func(s *Spec) { s.Cwd = plain }, syscall.ENOTDIR, "start web: cwd " + plain + ": not a directory"},
		{func(s *Spec) { s.UID = "no-such-user" }, nil, `start web: uid: there is no user "no-such-user"`},
		{func(s *Spec) { s.GID = "no-such-group" }, nil, `start web: gid: there is no group "no-such-group"`},
		{func(s *Spec) { s.UID = "3999999999" }, nil, "give gid too"},
		{func(s *Spec) { s.Env = map[string]string{"X": strings.Repeat("x", 1<<20)} }, syscall.E2BIG, "too long"},
		{func(s *Spec) { s.Cmd = "" }, ErrInvalid, "start web: cmd: is required"},
		{func(s *Spec) { s.Cmd, s.Env = "$X", map[string]string{"X": ""} }, nil, "names no program"},
	} {
		s := NewSpec("web", "sh -c true")
		s.RedirectInput = true
		s.CustomStreams = []string{"ctl"}
		test.mistake(&s)
		before := descriptors(t)
		p, err := Start(&s, Options{})
		if err == nil {
			p.Kill("")
			<-p.Done()
			t.Errorf("%q: started", test.says)
			continue
		}
		if !strings.Contains(err.Error(), test.says) || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("got %q, want %q and %v", err, test.says, test.want)
		}
		if strings.Contains(err.Error(), "not found in PATH") && strings.Contains(err.Error(), "no such file") {
			t.Errorf("%q says twice that it is not there", err)
		}
		if after := descriptors(t); after != before {
			t.Errorf("%v: %d descriptors before, %d after", err, before, after)
		}
	}
	if left := zombies(); len(left) > 0 {
		t.Errorf("zombies are left: %+v", left)
	}
}

func TestProgramsAreFound(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/web", "/bin/web"} {
		if err := os.WriteFile(dir+name, []byte("#!/bin/sh\necho $0\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ cmd, cwd, path, want string }{
		{"./web", dir, "", "./web\n"}, // relative to its own directory, not to ours
		{"bin/web", dir, "", "bin/web\n"},
		{dir + "/web", "", "", dir + "/web\n"},
		{"web", "", "/none:" + dir + "/bin:" + dir, dir + "/bin/web\n"},
		{"web", dir, "bin", "bin/web\n"},
		{"web", dir, ":/none", "./web\n"},
		{"web", dir, ".", "./web\n"},
	} {
		s := NewSpec("web", test.cmd)
		s.Cwd = test.cwd
		s.Env = map[string]string{"PATH": test.path + ":" + os.Getenv("PATH")}
		if got := output(t, run(t, s, Options{}), "stdout"); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}

func TestStartWithoutDescriptors(t *testing.T) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	first := run(t, program("hang"), Options{}) // opens what is opened once
	saying(t, first, "stdout", "up")
	had := descriptors(t)
	for room := range 12 { // each of the calls that need one fails in turn
		low := before
		low.Cur = uint64(highestDescriptor(t) + 1 + room)
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
			t.Fatal(err)
		}
		s := program("exit", "0")
		s.RedirectInput, s.CustomStreams = true, []string{"ctl"}
		p, err := Start(&s, Options{})
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			end(t, p)
		} else if !errors.Is(err, syscall.EMFILE) || !strings.Contains(err.Error(), "raise the daemon's limit") {
			t.Errorf("with room for %d: %v", room, err)
		} else if room == 11 {
			t.Errorf("there is room for all it needs, but: %v", err)
		}
		poll(t, "the descriptors to be closed", func() bool { return descriptors(t) == had })
	}
}

func TestDetached(t *testing.T) {
	l, err := NewLocalLauncher(LauncherOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := shell("echo to nobody; exec sleep 1000")
	s.Detach = true
	p, err := Start(&s, Options{Launcher: l})
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(p.OSPid(), syscall.SIGKILL)
	if exit := end(t, p); exit.Reason != ReasonDetached || exit.OSPid != p.OSPid() {
		t.Errorf("got %+v", exit)
	}
	if _, err := p.Log("stdout"); !errors.Is(err, ErrNotRedirected) {
		t.Errorf("stdout: %v", err)
	}
	p.Stop("")
	p.Kill("")
	leader, err := readProc(p.OSPid())
	if err != nil || !leader.alive() || leader.session != p.OSPid() {
		t.Errorf("it is %+v, %v", leader, err)
	}
	syscall.Kill(p.OSPid(), syscall.SIGKILL)
	poll(t, "its zombie to be reaped", func() bool {
		_, err := readProc(p.OSPid())
		return err != nil
	})

	q, err := Start(&s, Options{Launcher: l})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		syscall.Kill(q.OSPid(), syscall.SIGKILL)
		poll(t, "its end", func() bool {
			spawn.Reap(q.OSPid()) // nobody else does any more
			_, err := readProc(q.OSPid())
			return err != nil
		})
	}()
	l.Close() // must not wait for it
}

// What this program may do the one whom the child runs as may not: it is that one
// who must be able to enter the cwd, and to execute what PATH has.
func TestUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may run programs as somebody else")
	}
	public, err := os.MkdirTemp("", "public") // t.TempDir's are closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(public) })
	private := filepath.Join(public, "private")
	for dir, mode := range map[string]fs.FileMode{public: 0o755, private: 0o700} {
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, mode)); err != nil {
			t.Fatal(err)
		}
	}
	for path, mode := range map[string]fs.FileMode{
		filepath.Join(private, "web"):   0o755,
		filepath.Join(private, "alone"): 0o755,
		filepath.Join(public, "web"):    0o755,
		filepath.Join(public, "mine"):   0o700,
	} {
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho $0\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	path := private + ":" + public + ":/usr/bin:/bin"
	for _, test := range []struct{ cmd, cwd, says string }{
		{"/bin/sh -c true", private, "start web: cwd " + private + ": permission denied for uid 65534"},
		{"sh -c true", private + "/", "start web: cwd " + private + "/: permission denied for uid 65534"},
		{"./web", private, "start web: cwd " + private + ": permission denied for uid 65534"},
		{"./mine", public, "start web: ./mine: permission denied for uid 65534"},
		{"mine", "", "start web: mine: permission denied for uid 65534"},
		{"alone", "", "start web: alone: permission denied for uid 65534"},
	} {
		s := NewSpec("web", test.cmd)
		s.UID, s.GID, s.Cwd, s.Env = "65534", "65534", test.cwd, map[string]string{"PATH": path}
		p, err := Start(&s, Options{})
		if err == nil {
			p.Kill("")
			<-p.Done()
			t.Errorf("%q: started", test.says)
		} else if err.Error() != test.says || !errors.Is(err, syscall.EACCES) {
			t.Errorf("got %q, want %q", err, test.says)
		}
	}
	s := NewSpec("web", "web")
	s.UID, s.GID, s.Env = "65534", "65534", map[string]string{"PATH": path}
	if got := output(t, run(t, s, Options{}), "stdout"); got != public+"/web\n" {
		t.Errorf("got %q", got)
	}
}
