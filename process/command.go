package process

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// splitsCmd reports whether cmd is a whole command line rather than a program.
func (s *Spec) splitsCmd() bool { return !s.Shell && s.Args == nil && s.ArgsLine == "" }

// argv is the program and its arguments, argv[0] first.
func (s *Spec) argv(env map[string]string) ([]string, error) {
	args := s.Args
	if s.ArgsLine != "" {
		words, err := splitWords(s.ArgsLine)
		if err != nil {
			return nil, &PropertyError{"args", err.Error()}
		}
		args = words
	}
	if s.splitsCmd() {
		words, err := splitWords(s.Cmd)
		if err != nil {
			return nil, &PropertyError{"cmd", err.Error()}
		}
		return expandAll(words, env), nil
	}
	args = expandAll(args, env)
	if !s.Shell {
		return append([]string{s.Cmd}, args...), nil
	}
	line := s.Cmd // its variables are the shell's to replace
	if len(args) > 0 {
		line += " " + joinWords(args)
	}
	return []string{"sh", "-c", line}, nil
}

func expandAll(words []string, env map[string]string) []string {
	words = slices.Clone(words)
	for i, word := range words {
		words[i] = expand(word, env)
	}
	return words
}

// command turns the description of one instance into what a Launcher starts.
// The files are the caller's to add.
func (s *Spec) command(o *Options) (Command, error) {
	account, err := s.account()
	if err != nil {
		return Command{}, err
	}
	mark := o.Marker
	if s.Detach {
		mark = "" // whoever looks for what o.Marker tells is not to find it
	}
	marker := newMarker(mark)
	env := s.environment(o, account, marker)
	argv, err := s.argv(env)
	if err != nil {
		return Command{}, err
	}
	if argv[0] == "" { // cmd was a variable that is set to nothing
		return Command{}, fmt.Errorf("cmd %q names no program", s.Cmd)
	}
	c := Command{
		Path:       argv[0],
		Args:       argv,
		Env:        environ(env),
		Dir:        s.Cwd,
		Credential: account.credential(),
		Limits:     s.limits(account),
		Umask:      s.Umask,
		Detach:     s.Detach,
		Marker:     marker,
	}
	s.hide(&c, env)
	return c, nil
}

// hide has the errors of c show $NAME where s has put a value of its env.
func (s *Spec) hide(c *Command, env map[string]string) {
	if _, own := s.Env["PATH"]; own {
		c.DisplayPATH = "$PATH"
	}
	if len(s.Env) == 0 || !s.splitsCmd() || !strings.Contains(s.Cmd, "$") {
		return
	}
	others := maps.Clone(env)
	for name := range s.Env {
		delete(others, name)
	}
	words, _ := splitWords(s.Cmd) // argv has done so without an error
	if name := expand(words[0], others); name != c.Path {
		c.Display = name
	}
}
