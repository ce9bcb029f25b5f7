package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/gafferd/gaffer/httpapi/client"
	"github.com/gafferd/gaffer/internal/cmdline"
)

func (c *cli) runCommand() *cobra.Command {
	var forget bool
	var env []string
	var cwd string
	cmd := c.following("run [--rm] [--env K=V]… [--cwd DIR] [--] CMD [ARG]…", "Run a program once, with its input and output here", 1, -1,
		func(ctx context.Context, args []string) error {
			p := client.Process{
				Cmd: args[0], Args: client.Args{List: slices.Clone(args[1:])}, Cwd: cwd,
				RedirectInput: true, Backpressure: true, // none of its output is to be missed
			}
			if p.Args.List == nil {
				p.Args.List = []string{} // the command is a word, not a line to be split
			}
			for _, pair := range env {
				name, value, given := strings.Cut(pair, "=")
				if name == "" {
					return usagef("--env %q: want NAME=VALUE, or the NAME of a variable to pass on", pair)
				}
				if !given {
					if value, given = os.LookupEnv(name); !given {
						continue
					}
				}
				if p.Env == nil {
					p.Env = map[string]string{}
				}
				p.Env[name] = value
			}
			return c.once(ctx, p, forget)
		})
	cmd.Long = `Run a program once, where the daemon is. What it prints is printed here, what is
entered here it reads, and its exit code is that of gafferctl: 128 and the number
of the signal if one has ended it.

Ctrl-C stops the program as stop does, a second one kills it. A broken connection
is made again and nothing is lost; should the daemon stay away, the exit code is 3.
Afterwards the exit and the output are kept for an hour (see why and logs), unless
--rm is given. $NAME in an argument is replaced where the program's environment
has NAME.`
	f := cmd.Flags()
	f.SetInterspersed(false) // what comes after the program is the program's
	f.BoolVar(&forget, "rm", false, "have the daemon forget the program when it has ended")
	f.StringArrayVar(&env, "env", nil, "set a variable of its environment, `K=V`, or pass one on, K")
	f.StringVar(&cwd, "cwd", "", "run it in the directory `DIR` (the daemon's)")
	return c.complete(cmd)
}

// exitCode is an exit of a program that is to be the own one.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// once runs a program from here to its end.
func (c *cli) once(ctx context.Context, p client.Process, forget bool) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, interrupts...)
	defer signal.Stop(signals)
	broken := make(chan os.Signal, 1) // with it a write to a broken pipe returns
	if len(brokenPipe) > 0 {
		signal.Notify(broken, brokenPipe...)
		defer signal.Stop(broken)
	}
	start, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := c.client.Run(start, p)
	if client.Code(err) == "conflict" && len(p.Args.List) == 0 && strings.Contains(p.Cmd, " ") {
		return fmt.Errorf("%w: the program and its arguments are words of their own here: gafferctl run %s", err, p.Cmd)
	}
	if err != nil {
		return err
	}
	// From here on being interrupted does not end the run: it ends the program,
	// whose last words are still to come.
	s := &session{cli: c, run: r}
	exit, err := s.attend(ctx, signals)
	if err != nil {
		if errors.Is(err, client.ErrUnreachable) {
			fmt.Fprintf(c.stderr, "gafferctl: lost %s (pid %d), which may be running still\n", r.Name, r.PID)
		}
		return err
	}
	if forget {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		if err := r.Forget(end); err != nil {
			return fmt.Errorf("%s has ended, but is not forgotten: %w", r.Name, err)
		}
	}
	if s.failed != nil && !isBrokenPipe(s.failed) && s.failed != cmdline.ErrUnread {
		return s.failed
	}
	switch {
	case exit.TermSignal > 0:
		return exitCode(128 + exit.TermSignal)
	case exit.ExitStatus != 0:
		return exitCode(exit.ExitStatus)
	}
	return nil
}

// session is one run of a program from here.
type session struct {
	cli *cli
	run *client.Run

	mu     sync.Mutex // guards everything below
	failed error      // why output could not be written here
}

// attend connects the program to here until it has ended.
func (s *session) attend(interrupted context.Context, signals <-chan os.Signal) (client.Exit, error) {
	ctx, end := context.WithCancelCause(context.WithoutCancel(interrupted))
	defer end(nil)

	var work sync.WaitGroup // ends with ctx
	defer work.Wait()
	defer end(nil)
	work.Go(func() { s.feed(ctx) })
	work.Go(func() { s.heed(ctx, interrupted, signals) })
	read, release := cmdline.WhileRead(ctx, s.cli.stdout)
	defer release()
	work.Go(func() {
		if <-read.Done(); context.Cause(read) == cmdline.ErrUnread {
			s.tell(ctx, s.unwanted(ctx, cmdline.ErrUnread))
		}
	})

	var output sync.WaitGroup
	for _, label := range s.run.Streams {
		to := s.cli.stdout
		if label == "stderr" {
			to = s.cli.stderr
		}
		output.Go(func() {
			if err := s.copy(ctx, label, to); err != nil {
				end(err)
			}
		})
	}
	output.Wait()
	if ctx.Err() != nil {
		return client.Exit{}, context.Cause(ctx)
	}
	return s.run.Wait(ctx)
}

// copy copies one output of the program. What cannot be written here is not
// worth running for.
func (s *session) copy(ctx context.Context, label string, to io.Writer) error {
	broken := false
	for chunk, err := range s.run.Output(ctx, label) {
		if err != nil {
			return err
		}
		if chunk.Missed > 0 {
			fmt.Fprintf(s.cli.stderr, "gafferctl: %d bytes of %s were missed\n", chunk.Missed, label)
		}
		if broken || len(chunk.Data) == 0 {
			continue
		}
		if _, err := to.Write(chunk.Data); err != nil {
			broken = true
			if err := s.unwanted(ctx, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// unwanted stops the program, whose output cannot be written here.
func (s *session) unwanted(ctx context.Context, why error) error {
	s.mu.Lock()
	if s.failed == nil {
		s.failed = why
	}
	s.mu.Unlock()
	return s.run.Stop(ctx)
}

// feed gives the program what comes from the standard input, and its end.
func (s *session) feed(ctx context.Context) {
	in, release := s.cli.input(ctx)
	defer release()
	stdin := s.run.Stdin(ctx)
	_, err := stdin.ReadFrom(in)
	if err == nil {
		err = stdin.Close()
	}
	// A program that has ended, or does not want its input, is in order.
	code := client.Code(err)
	if err != nil && ctx.Err() == nil && code != "conflict" && code != "not_found" && code != "io_not_found" {
		fmt.Fprintf(s.cli.stderr, "gafferctl: input: %v\n", err)
	}
}

// heed ends the program when the user says so: politely, then by force.
func (s *session) heed(ctx, interrupted context.Context, signals <-chan os.Signal) {
	select {
	case <-interrupted.Done():
	case <-ctx.Done():
		return
	}
	if isTerminal(s.cli.stderr) {
		fmt.Fprint(s.cli.stderr, "\ngafferctl: stopping; Ctrl-C again kills it\n")
	}
	s.tell(ctx, s.run.Stop(ctx))
	for first := true; ; first = false {
		select {
		case <-signals:
			if !first { // the first is what ended interrupted
				s.tell(ctx, s.run.Kill(ctx))
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (s *session) tell(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && client.Code(err) == "" {
		fmt.Fprintf(s.cli.stderr, "gafferctl: stop: %v\n", err)
	}
}
