package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// helper is a role of this binary in a process of its own. It says what it has
// to say as JSON values on its standard output, and ends when its standard
// input does.
type helper struct {
	cmd   *exec.Cmd
	role  string
	stdin io.WriteCloser
	out   *json.Decoder
	err   bytes.Buffer // its standard error; complete when it has ended
	ended bool
}

// help starts a helper. Ending ctx kills it.
func help(ctx context.Context, role ...string) (*helper, error) {
	path, err := self()
	if err != nil {
		return nil, err
	}
	h := &helper{cmd: exec.CommandContext(ctx, path, role...), role: role[0]}
	h.cmd.Stderr = &h.err
	h.cmd.SysProcAttr = dieWithUs()
	if h.stdin, err = h.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	h.out = json.NewDecoder(stdout)
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	return h, nil
}

func (h *helper) pids() group { return group{h.cmd.Process.Pid} }

// pair is the helper with its worker, if it has one, which is there once it has said
// something.
func (h *helper) pair() (group, error) { return pairOf(h.cmd.Process.Pid) }

// hear waits for the next thing that the helper says.
func (h *helper) hear(v any) error {
	if err := h.out.Decode(v); err != nil {
		h.end()
		return fmt.Errorf("bench %s said nothing: %w\n%s", h.role, err, h.err.Bytes())
	}
	return nil
}

// tell gives the helper a line.
func (h *helper) tell(line string) error {
	_, err := io.WriteString(h.stdin, line+"\n")
	return err
}

// end lets the helper end and waits for that; doing so again does nothing. A helper that was killed by its
// context is not an error: whoever ended the context knows why.
func (h *helper) end() error {
	if h.ended {
		return nil
	}
	h.ended = true
	h.stdin.Close()
	if err := h.cmd.Wait(); err != nil && h.err.Len() > 0 {
		return fmt.Errorf("bench %s: %w\n%s", h.role, err, h.err.Bytes())
	}
	return nil
}

// say is how a role is heard.
func say(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

// untilStdinEnds is how a role waits for its end.
func untilStdinEnds() { io.Copy(io.Discard, os.Stdin) }
