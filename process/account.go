package process

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// account is the user and group to run under, as the user database has them.
type account struct {
	name, home string // as the user database has them; "" if it does not
	another    bool   // than the daemon's user
	uid, gid   uint32
	groups     []uint32
}

// account looks up uid and gid. It returns nil when neither is given.
func (s *Spec) account() (*account, error) {
	if s.UID == "" && s.GID == "" {
		return nil, nil
	}
	var a account
	if err := a.lookUpUser(s); err != nil {
		return nil, err
	}
	a.another = int(a.uid) != os.Geteuid()
	if s.GID != "" {
		gid, err := groupID(s.GID)
		if err != nil {
			return nil, err
		}
		a.gid = gid
	}
	return &a, nil
}

// lookUpUser sets all of a to what uid says, or to the daemon's user.
func (a *account) lookUpUser(s *Spec) error {
	var known *user.User
	if s.UID == "" {
		known, _ = user.LookupId(strconv.Itoa(os.Geteuid()))
		a.uid = uint32(os.Geteuid())
	} else if n, err := strconv.ParseUint(s.UID, 10, 32); err == nil {
		known, _ = user.LookupId(s.UID)
		a.uid = uint32(n)
	} else if known, err = user.Lookup(s.UID); err != nil {
		if _, unknown := errors.AsType[user.UnknownUserError](err); unknown {
			return fmt.Errorf("uid: there is no user %q on this machine", s.UID)
		}
		return fmt.Errorf("uid: user %q cannot be looked up: %w", s.UID, err)
	}
	switch {
	case known != nil:
		return a.fill(known)
	case s.GID == "":
		return fmt.Errorf("uid: user %s is not in the user database, so its group is not known: give gid too", s.UID)
	}
	return nil
}

// fill takes what the user database says about u, with all its groups.
func (a *account) fill(u *user.User) error {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return fmt.Errorf("uid: user %s has the number %q: %w", u.Username, u.Uid, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return fmt.Errorf("gid: user %s has the group %q: %w", u.Username, u.Gid, err)
	}
	a.name, a.home, a.uid, a.gid = u.Username, u.HomeDir, uint32(uid), uint32(gid)
	ids, err := u.GroupIds()
	if err != nil {
		return fmt.Errorf("gid: the groups of user %s: %w", u.Username, err)
	}
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			a.groups = append(a.groups, uint32(n))
		}
	}
	return nil
}

func groupID(group string) (uint32, error) {
	if n, err := strconv.ParseUint(group, 10, 32); err == nil {
		return uint32(n), nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		if _, unknown := errors.AsType[user.UnknownGroupError](err); unknown {
			return 0, fmt.Errorf("gid: there is no group %q on this machine", group)
		}
		return 0, fmt.Errorf("gid: group %q cannot be looked up: %w", group, err)
	}
	n, err := strconv.ParseUint(g.Gid, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("gid: group %s has the number %q: %w", group, g.Gid, err)
	}
	return uint32(n), nil
}

// credential is nil when the daemon need not change anything, which only
// matters where it may not: setgroups is root's, even to set what is set.
func (a *account) credential() *Credential {
	if a == nil {
		return nil
	}
	if os.Geteuid() != 0 && int(a.uid) == os.Geteuid() && int(a.gid) == os.Getegid() {
		return nil
	}
	return &Credential{UID: a.uid, GID: a.gid, Groups: a.groups}
}
