// Command bench measures the daemon against the bare loop for the same work, on
// the same machine and in the same run, and prints what share of it the daemon
// reaches. It asserts nothing.
//
// Everything runs in pairs, one side directly after the other, because a busy
// machine changes its mind from second to second: only the ratios of pairs mean
// anything. docs/performance.md explains each axis and how to read the table.
//
// It knows the daemon from outside alone: the built binary and its HTTP API.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if ran, err := runRole(os.Args[1:]); ran {
		exit(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	exit(err)
}

func exit(err error) {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	default:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}
