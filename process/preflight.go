package process

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// Preflight reports what s names that this machine has not, and without which it
// cannot be started: its directory, its user and its group. It is errors.Join of
// *PropertyError. What is missing now may be there by the time of the start, and
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
	if s.UID != "" {
		p.addMissing(new(account).lookUpUser(s))
	}
	if s.GID != "" {
		_, err := groupID(s.GID)
		p.addMissing(err)
	}
	return errors.Join(p...)
}

// addMissing adds what an account could not be found for. Such an error begins
// with its property.
func (p *problems) addMissing(err error) {
	if err != nil {
		property, problem, _ := strings.Cut(err.Error(), ": ")
		p.add(property, "%s", problem)
	}
}
