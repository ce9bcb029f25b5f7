package process

import (
	"os"
	"syscall"

	"github.com/gafferd/gaffer/process/spawn"
)

// Launcher starts operating system processes. The package's own is
// LocalLauncher; another one may live in another process, or be a test's.
//
// Launch must not keep c.Files or c.Ours after it has returned, unless it
// duplicates them, and its error says why the program could not be started
// without naming the process again. All methods of a Launcher and of a Child
// may be called concurrently.
//
// GiveUp ends the launch of the child with a Command's ID, if that is under way and may
// take long, as on a disk that does not answer. Launch need not return an error then: the
// child may be one that ends by SIGKILL before its program begins.
type Launcher interface {
	Launch(c Command) (Child, error)
	GiveUp(id int)
}

// Keeper is a Launcher whose children outlive this program, with the files that
// are kept for them.
type Keeper interface {
	Launcher

	// Adopt is the child that Launch was given such a Command for, by an earlier
	// program: its ID, Marker and Detach count. It returns ErrNotRunning when
	// there is none, or it was adopted before. It does not wait for the launch.
	Adopt(c Command) (KeptChild, error)

	// LetGoRest lets go of the children of earlier programs that nobody has
	// adopted, and says how many there were. What of them still runs is on its
	// own. Adopt and LetGoRest are for one goroutine.
	LetGoRest() int
}

// KeptChild is a Child of a Keeper. Files are kept by numbers, which mean
// something to this package alone.
type KeptChild interface {
	Child

	// Started waits until a child that was adopted has been started, or could not be:
	// that may take as long as a dead file system does. It comes before the other
	// methods. After an error nothing is left of the child. Launching reports whether
	// it would wait.
	Started() error
	Launching() bool

	Files() map[byte]*os.File // that were kept when an earlier program ended

	// Keep gives f to the Keeper, which gets it whatever becomes of this program once
	// Keep has returned. If it cannot be kept, the function given to OnUnkept is told.
	Keep(number byte, f *os.File) error

	// OnUnkept is called before Keep. told is called in a goroutine of its own, which the
	// end of the Keeper's launcher waits for, and may wait for the Keeper.
	OnUnkept(told func(number byte, err error))

	// KeepNow is Keep, and returns when f is kept, or an error if it cannot be.
	KeepNow(number byte, f *os.File) error

	CloseFile(number byte) error

	// ReleaseWith is Release, and closes the files with these numbers.
	ReleaseWith(numbers ...byte)

	// Tell is SignalAll for the signal that tells the child to stop, which has an
	// effect once, whoever sends it. Told says that an earlier program has.
	Tell(sig syscall.Signal) error
	Told() bool

	// Forget closes all files, and releases a detached child. It is the last method
	// called, after Release, when it is recorded what has become of the child.
	Forget() error
}

// Command is what a Launcher is asked to start.
type Command struct {
	// Path is the program as it was written: with a slash it is relative to Dir,
	// without one it is looked up in the PATH of Env. See Resolve.
	Path string
	Args []string // with argv[0]
	Env  []string
	Dir  string // "" is the launcher's own

	// Display and DisplayPATH are Path, and the PATH of Env, as errors show them: not
	// everybody who may read an error may read what a description has in env. "" means
	// that they show what there is.
	Display, DisplayPATH string

	Files []*os.File // the child's fd 0, 1, 2, 3 …; nil is /dev/null
	Ours  []*os.File // the daemon's end of each, or nil; a Keeper keeps copies

	ID int // of the instance, for a Keeper; no other that it has may have the same

	Credential *Credential // nil: the launcher's own
	Limits     spawn.Limits
	Umask      int    // -1: the launcher's own
	Detach     bool   // own session, not contained, not stopped
	Marker     string // the entry of Env by which descendants are recognised
}

// Credential is the account to run under.
type Credential struct {
	UID, GID uint32
	Groups   []uint32
}

// Child is a launched program, called the leader, and all that descends from
// it.
type Child interface {
	// Pid is the leader's process id.
	Pid() int

	// OnEnd has f called once the leader has ended, in a goroutine of its own. Nothing
	// holds an OS thread until then. OnEnd is called once.
	OnEnd(f func(Status))

	// Signal signals the leader only. It returns os.ErrProcessDone when the
	// leader has ended.
	Signal(sig syscall.Signal) error

	// SignalAll signals the leader and every descendant that is left. What is
	// stopped is continued, so that it sees the signal.
	SignalAll(sig syscall.Signal) error

	// Descendants are the pids of those still alive, without the leader. With an error,
	// for want of descriptors or memory, there may be others.
	Descendants() ([]int, error)

	// Release gives back what the launcher holds for the child. It is called
	// once, when no descendant is left, after OnEnd's f was called (at once for a
	// detached child); no other method is called after it.
	Release()
}

// Status is how a leader ended.
type Status struct {
	ExitStatus  int  // 0 when killed by a signal
	TermSignal  int  // 0 when it exited
	OutOfMemory bool // the kernel killed it for want of memory
}
