package process

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Preflight reports what s names that this machine has not, and without which it
// cannot be started: its directory, its user, its group, and its program if that is a
// path. It is errors.Join of *PropertyError. What is missing now may be there by the time of the start, and
// what this user may not see the daemon's may: so it is no part of Validate.
func (s *Spec) Preflight() error {
	var p problems
	if s.Cwd != "" {
		info, err := os.Stat(s.Cwd)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			p.add("cwd", "there is no directory %s on this machine", s.Cwd)
		case errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir():
			p.add("cwd", "%s is not a directory", s.Cwd)
		}
	}
	if len(p) == 0 {
		p.addProgram(s)
	}
	if s.UID != "" {
		p.addMissing(new(account).lookUpUser(s))
	}
	if s.GID != "" {
		_, err := groupID(s.GID)
		p.addMissing(err)
	}
	return errors.Join(p...)
}

// addProgram adds why the program of s, seen from its directory, cannot be executed. What
// is looked up in PATH, or named by a variable, depends on the daemon's environment, and
// what a shell runs on the shell.
func (p *problems) addProgram(s *Spec) {
	argv, err := s.argv(nil)
	if err != nil || s.Shell || !strings.Contains(argv[0], "/") || strings.Contains(argv[0], "$") {
		return
	}
	path := (&Command{Dir: s.Cwd}).inDir(argv[0])
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		p.add("cmd", "there is no program %s on this machine", path)
	case err == nil && info.IsDir():
		p.add("cmd", "%s is a directory", path)
	case err == nil && info.Mode()&0o111 == 0:
		p.add("cmd", "%s is not executable, chmod +x would make it so", path)
	}
}

// addMissing adds what an account could not be found for. Such an error begins
// with its property.
func (p *problems) addMissing(err error) {
	if err != nil {
		property, problem, _ := strings.Cut(err.Error(), ": ")
		p.add(property, "%s", problem)
	}
}
