package process

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ErrInvalid is what every PropertyError wraps.
var ErrInvalid = errors.New("invalid process description")

// PropertyError names a property of a description, what is wrong with it and
// what is wanted instead.
type PropertyError struct{ Property, Problem string }

func (e *PropertyError) Error() string { return e.Property + ": " + e.Problem }

// Unwrap makes errors.Is(err, ErrInvalid) true.
func (e *PropertyError) Unwrap() error { return ErrInvalid }

const (
	maxName          = 128
	maxCustomStreams = 29 // see fileNumber
)

// Validate reports every mistake in s at once, as errors.Join of
// *PropertyError. It asks nothing of the machine: whether a program, a
// directory or a user exists is found out when it is started.
func (s *Spec) Validate() error {
	var p problems
	p.checkName(s.Name)
	p.checkCommand(s)
	p.checkEnv(s.Env)
	p.checkAccount("uid", s.UID)
	p.checkAccount("gid", s.GID)
	p.checkText("cwd", s.Cwd)
	if s.Umask < -1 || s.Umask > 0o777 {
		p.add("umask", "%d is out of range: give 0 to 0777 in octal", s.Umask)
	}
	if s.GracefulTimeout < 0 {
		p.add("graceful_timeout", "%v is negative: give the seconds between stop_signal and SIGKILL", s.GracefulTimeout)
	}
	if s.StopSignal < 1 || s.StopSignal > maxSignal {
		p.add("stop_signal", "%d is no signal: give a number from 1 to %d or a name such as TERM", int(s.StopSignal), maxSignal)
	}
	p.checkLimits(s)
	p.checkStreams(s)
	if s.Detach && s.RedirectInput {
		p.add("redirect_input", "a detached process has no pipes: leave it out, or detach")
	}
	if s.Detach && len(s.CustomStreams) > 0 {
		p.add("custom_streams", "a detached process has no pipes: leave them out, or detach")
	}
	return errors.Join(p...)
}

// problems collects what is wrong with a Spec.
type problems []error

func (p *problems) add(property, format string, args ...any) {
	*p = append(*p, &PropertyError{property, fmt.Sprintf(format, args...)})
}

func (p *problems) checkName(name string) {
	switch {
	case name == "":
		p.add("name", "is required")
	case len(name) > maxName:
		p.add("name", "has %d characters: at most %d are allowed", len(name), maxName)
	case strings.Trim(name, "0123456789") == "":
		p.add("name", "%q has digits only and would be taken for a pid: add a letter", name)
	default:
		for part := range strings.SplitSeq(name, ":") {
			if !isLabel(part) {
				p.add("name", "%q is not a name: wanted are parts joined by ':', each of letters, digits and _ . @ + - and beginning with a letter, digit or _", name)
				return
			}
		}
	}
}

// checkCommand checks cmd and args, which decide together how each is read.
func (p *problems) checkCommand(s *Spec) {
	if strings.TrimSpace(s.Cmd) == "" {
		p.add("cmd", "is required")
	} else if p.checkText("cmd", s.Cmd); s.splitsCmd() {
		if words, err := splitWords(s.Cmd); err != nil {
			p.add("cmd", "%q cannot be split into words: %v", s.Cmd, err)
		} else if len(words) == 0 || words[0] == "" {
			p.add("cmd", "%q names no program", s.Cmd)
		}
	}
	if s.Args != nil && s.ArgsLine != "" {
		p.add("args", "came both as a list and as a string: give one of them")
	}
	for _, arg := range s.Args {
		p.checkText("args", arg)
	}
	p.checkText("args", s.ArgsLine)
	if _, err := splitWords(s.ArgsLine); err != nil {
		p.add("args", "%q cannot be split into words: %v", s.ArgsLine, err)
	}
}

func (p *problems) checkEnv(env map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			p.add("env", "%q is not a variable's name: it must not be empty and has neither '=' nor NUL", name)
		}
		if strings.ContainsRune(env[name], 0) {
			p.add("env", "%s has a NUL byte, which no environment can carry", name)
		}
	}
}

func (p *problems) checkAccount(property, account string) {
	if account == "" {
		return
	}
	if n, err := strconv.ParseInt(account, 10, 64); err == nil {
		if n < 0 || n >= 1<<32-1 { // the last one means "leave unchanged" to the kernel
			p.add(property, "%d is out of range: give a name or a number from 0 to 4294967294", n)
		}
	} else if strings.ContainsAny(account, ":\x00\n\t /") {
		p.add(property, "%q is not a name: give a name or a number", account)
	}
}

// checkText refuses what cannot be handed to the kernel, whose strings end at
// the first NUL.
func (p *problems) checkText(property, text string) {
	if strings.ContainsRune(text, 0) {
		p.add(property, "%q has a NUL byte", text)
	}
}

func (p *problems) checkStreams(s *Spec) {
	if len(s.RedirectOutput) > 2 {
		p.add("redirect_output", "has %d labels: give at most two, for stdout and stderr", len(s.RedirectOutput))
	}
	for _, label := range s.RedirectOutput {
		p.checkLabel("redirect_output", label)
	}
	if len(s.CustomStreams) > maxCustomStreams {
		p.add("custom_streams", "has %d labels: give at most %d", len(s.CustomStreams), maxCustomStreams)
	}
	for i, label := range s.CustomStreams {
		p.checkLabel("custom_streams", label)
		if slices.Contains(s.CustomStreams[:i], label) || slices.Contains(s.RedirectOutput, label) {
			p.add("custom_streams", "label %q is there twice: each stream needs its own", label)
		}
	}
}

func (p *problems) checkLabel(property, label string) {
	switch {
	case label == stdinLabel:
		p.add(property, "%q is the input's own label: choose another", label)
	case len(label) > maxName || !isLabel(label):
		p.add(property, "%q is not a label: wanted are up to %d letters, digits and _ . @ + - beginning with a letter, digit or _", label, maxName)
	}
}

// isLabel reports whether s may be a stream's label or one part of a name.
func isLabel(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_':
		case i > 0 && strings.IndexByte(".@+-", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
