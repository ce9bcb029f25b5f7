package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// invocation is one run of gafferd: what it was told, and what has come of it.
type invocation struct {
	options
	args           []string // what the options were read from
	stdout, stderr io.Writer

	worker *worker // what this process is; nil without a keeper
	began  bool    // it has served
}

// run is gafferd from its arguments to its exit code. It returns when
// everything that it started has ended.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	i := invocation{args: args, stdout: stdout, stderr: stderr}
	code := i.run(ctx)
	if !i.stays() {
		i.worker.leave(code)
	}
	return code
}

func (i *invocation) run(ctx context.Context) int {
	cmd := newCommand(&i.options, i.do)
	cmd.SetArgs(i.args)
	cmd.SetOut(i.stdout)
	cmd.SetErr(i.stderr)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if code, ok := errors.AsType[exitCode](err); ok {
		return int(code)
	}
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(i.stderr, "gafferd: %v\nRun 'gafferd --help' for usage.\n", err)
		return exitUsage
	}
	if i.logFormat == logJSON {
		newLogger(i.stderr, i.options).Error("gafferd has failed", "error", err)
	} else {
		fmt.Fprintf(i.stderr, "gafferd: %v\n", err)
	}
	return exitFailed
}

// do is what the options ask for. It finds out which of gafferd's processes this
// one is to be: one that checks the configuration, or starts another in the
// background, or the keeper, or the daemon itself.
func (i *invocation) do(ctx context.Context) error {
	if i.check {
		return check(i.options, i.stdout, i.stderr)
	}
	// Before the keeper knows of this process: it may have a signal to pass on.
	signals, release := catchSignals()
	defer release()
	var err error
	if i.worker, err = connect(); err != nil {
		return err
	}
	starter, err := theStarter(i.worker)
	if err != nil {
		return err
	}
	switch {
	case i.daemon && starter == nil && i.worker == nil:
		return inBackground(ctx, i.args, i.stdout, i.stderr)
	case keeperSupported && !i.noKeeper && i.worker == nil:
		release()
		return exitCode(runKeeper(starter))
	}
	return i.serve(ctx, signals, starter)
}

// stays reports whether the daemon goes on when this process ends: another one
// has its place, or is to try again what this one could not take over.
func (i *invocation) stays() bool {
	return i.worker != nil && (i.worker.stays || i.worker.takesOver() && !i.began)
}
