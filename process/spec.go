package process

import (
	"syscall"
	"time"
)

// Spec says what a program is to be run with. NewSpec fills in the defaults;
// a literal must give every field, since the zero of some is a choice of its own
// (OSEnv false, Umask 0, RedirectOutput nil).
type Spec struct {
	Name string // of the process, for people and for GAFFER_NAME

	// Cmd is the program. When neither Args nor ArgsLine is given it is a whole
	// command line, split as a shell splits words.
	Cmd      string
	Args     []string // given as a list; nil when not given
	ArgsLine string   // given as one string, split like Cmd; at most one of the two
	Shell    bool     // run Cmd, with the arguments after it, through sh -c

	Env   map[string]string // laid over the base environment
	OSEnv bool              // the base is Options.Environ, else it is empty
	UID   string            // a user's name or number; "" is the daemon's
	GID   string            // a group's name or number; "" is the user's own
	Cwd   string            // "" is the daemon's
	Umask int               // -1 is the daemon's

	Rlimits     map[string]Rlimit // by RlimitNames; the others are the daemon's
	Nice        *int              // nil is the daemon's, like the next
	OOMScoreAdj *int

	// Running as another user than the daemon's takes away all capabilities, and
	// the way to get some by executing a file, unless these say otherwise. As the
	// same user they are the daemon's.
	NoNewPrivs   *bool
	Capabilities []string // by CapabilityNames; an empty list is none

	// Detach launches the program and lets go of it: its own session, no pipes
	// (all of its descriptors are /dev/null), neither watched nor stopped.
	Detach bool

	GracefulTimeout time.Duration // between StopSignal and SIGKILL
	StopSignal      syscall.Signal

	// RedirectOutput has the labels of stdout and stderr, in that order. The same
	// label twice merges both in one pipe; what has no label is discarded.
	RedirectOutput []string
	RedirectInput  bool     // stdin can be written to, else it is /dev/null
	CustomStreams  []string // labels of two-way streams on fd 3, 4 …
	Backpressure   bool     // output waits for its slowest reader, as in a pipe
}

// NewSpec returns a Spec with every default filled in.
func NewSpec(name, cmd string) Spec {
	return Spec{
		Name:            name,
		Cmd:             cmd,
		OSEnv:           true,
		Umask:           -1,
		GracefulTimeout: 10 * time.Second,
		StopSignal:      syscall.SIGTERM,
		RedirectOutput:  []string{"stdout", "stderr"},
	}
}

// Outputs are the labels of stdout and stderr, as far as they have pipes: one if they
// share theirs. Detach, with which they have none, is not looked at.
func (s *Spec) Outputs() []string {
	if s.merged() {
		return s.RedirectOutput[:1]
	}
	return s.RedirectOutput
}
