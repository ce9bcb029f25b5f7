package process

import "sync"

// LauncherOptions is how a LocalLauncher contains what it starts. The zero
// value works anywhere and changes nothing for the rest of the program.
type LauncherOptions struct {
	// Subreaper makes this program adopt the descendants of its children that
	// lose their parent, so that they can be found, and waits for them when they
	// have ended. It is a setting of the whole program. Only what certainly
	// descends from a launched child is waited for, so the program's own children
	// stay its own.
	Subreaper bool

	// OwnsChildren says, with Subreaper, that the program starts no children in
	// any other way. Then every other child that it has is an orphan, and is
	// waited for however little is known of it; as PID 1 of a container that is
	// the only way to leave no zombie.
	OwnsChildren bool

	// NoCgroups keeps from using cgroups even where cgroup v2 is writable.
	NoCgroups bool
}

// sharedLauncher is what Start uses when it is given none. It is never closed.
var sharedLauncher = sync.OnceValues(func() (Launcher, error) {
	l, err := NewLocalLauncher(LauncherOptions{})
	if err != nil {
		return nil, err
	}
	return l, nil
})
