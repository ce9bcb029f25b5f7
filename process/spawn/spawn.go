// Package spawn starts one program from a description in which everything is
// resolved already: the file to execute, the environment, the descriptors, the
// numbers of user and groups.
//
// It looks nothing up, watches nothing and keeps nothing: what it returns is the
// caller's to wait for, which Peek and Reap are for. It depends on nothing of this
// module, so that a process which must not fail can use it too.
package spawn

// Attr is what one program is started with. It is plain data, so it can be sent
// to another process, with the descriptors beside it.
type Attr struct {
	Path string   // the file to execute; a relative one is relative to Dir
	Args []string // with argv[0]
	Env  []string
	Dir  string // "" is the caller's own

	// Files are descriptors of the caller. The child gets duplicates of them as
	// its fd 0, 1, 2 …, and no others but those that are not close-on-exec.
	Files []int

	Cgroup   Value // the descriptor of the cgroup's directory to start in
	Setsid   bool  // a session, and so a process group, of its own
	Setpgid  bool  // a process group of its own
	Umask    Value
	SetUser  bool // run as UID and GID, with Groups and no other group
	UID, GID uint32
	Groups   []uint32

	Limits Limits

	// Slow says that to execute the file may take long. A thread of Go's that waits for
	// that cannot be stopped, and a collection of garbage would wait for it with all the
	// others. So a helper executes it, as some Limits need one anyway.
	Slow bool
}

// Limits are what a program may use and do. The zero value is the caller's own.
type Limits struct {
	Resources   []Resource
	OOMScoreAdj Value // how much the kernel likes to kill it when memory runs out
	Nice        Value
	NoNewPrivs  bool // no program that it executes has more rights than it

	// LimitCaps leaves it the capabilities in Caps alone, as bits by their numbers,
	// and those in Bounding for it and what it executes to gain.
	LimitCaps      bool
	Caps, Bounding uint64
}

// Resource is one limit of setrlimit(2), by the kernel's number.
type Resource struct {
	Number     int
	Soft, Hard uint64 // Infinity is none
}

// Infinity as a limit is none.
const Infinity = ^uint64(0)

// StepError says what of an Attr could not be done. Any other error of Start is
// about executing the file.
type StepError struct {
	Step string
	Err  error
}

func (e *StepError) Error() string { return e.Step + ": " + e.Err.Error() }
func (e *StepError) Unwrap() error { return e.Err }

// Value is a number that may be left as it is: the zero Value is the caller's
// own.
type Value struct {
	Set bool
	N   int
}

// To is the Value n.
func To(n int) Value { return Value{Set: true, N: n} }
