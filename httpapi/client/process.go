package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Process describes a process: which program to run, how often, and what to do
// when it ends. What is left out gets the daemon's default; what the daemon
// returns has every property filled in. Pointers tell "not given" from zero:
// new(0) is a given zero.
type Process struct {
	Name  string `json:"name,omitempty"`
	Cmd   string `json:"cmd"`
	Args  Args   `json:"args,omitzero"`
	Shell bool   `json:"shell,omitempty"`

	Env   map[string]string `json:"env,omitempty"`
	OSEnv *bool             `json:"os_env,omitempty"`
	UID   ID                `json:"uid,omitempty"`
	GID   ID                `json:"gid,omitempty"`
	Cwd   string            `json:"cwd,omitempty"`
	Umask *Umask            `json:"umask,omitempty"`

	Detach          bool     `json:"detach,omitempty"`
	NumProcesses    *int     `json:"numprocesses,omitempty"`
	Start           *bool    `json:"start,omitempty"`
	Priority        *int     `json:"priority,omitempty"`
	GracefulTimeout *Seconds `json:"graceful_timeout,omitempty"`
	StopSignal      ID       `json:"stop_signal,omitempty"`

	Restart  string    `json:"restart,omitempty"` // always, on-failure, never
	Backoff  *Backoff  `json:"backoff,omitempty"`
	Flapping *Flapping `json:"flapping,omitempty"`

	RedirectOutput []string `json:"redirect_output,omitzero"` // empty but not nil: redirect nothing
	RedirectInput  bool     `json:"redirect_input,omitempty"`
	CustomStreams  []string `json:"custom_streams,omitempty"`
	Backpressure   bool     `json:"backpressure,omitempty"`
}

// Backoff is the pause before a program that ended is started again.
type Backoff struct {
	Initial Seconds  `json:"initial"` // 0 turns it off
	Max     *Seconds `json:"max,omitempty"`
	Reset   *Seconds `json:"reset,omitempty"`
}

// Flapping stops a process that ends too often.
type Flapping struct {
	Attempts int     `json:"attempts"`
	Window   Seconds `json:"window"`
	RetryIn  Seconds `json:"retry_in"`
	MaxRetry int     `json:"max_retry"`
}

// Seconds is how the API writes a duration.
type Seconds float64

// Duration converts s.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// Args are the arguments of a program: a list, or a line that the daemon splits
// as a shell would. At most one of the two is set.
type Args struct {
	List []string
	Line string
}

// MarshalJSON writes the form that is set.
func (a Args) MarshalJSON() ([]byte, error) {
	if a.List != nil || a.Line == "" {
		return json.Marshal(a.List)
	}
	return json.Marshal(a.Line)
}

// UnmarshalJSON reads either form.
func (a *Args) UnmarshalJSON(text []byte) error {
	*a = Args{}
	if bytes.HasPrefix(text, []byte{'"'}) {
		return json.Unmarshal(text, &a.Line)
	}
	return json.Unmarshal(text, &a.List)
}

// ID names a user, a group or a signal, by name or by number.
type ID string

// UnmarshalJSON reads a name or a number.
func (id *ID) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte{'"'}) {
		return json.Unmarshal(text, (*string)(id))
	}
	if string(text) != "null" {
		*id = ID(text)
	}
	return nil
}

// Umask is a file mode mask. It is written in octal, "022".
type Umask int

// MarshalJSON writes the mask in octal.
func (u Umask) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `"%03o"`, int(u)), nil }

// UnmarshalJSON reads octal digits in a string, or a plain number.
func (u *Umask) UnmarshalJSON(text []byte) error {
	base := 10
	if bytes.HasPrefix(text, []byte{'"'}) {
		base, text = 8, bytes.Trim(text, `"`)
	}
	n, err := strconv.ParseInt(string(text), base, 32)
	if err != nil {
		return fmt.Errorf("umask %s: want octal digits or a number", text)
	}
	*u = Umask(n)
	return nil
}
