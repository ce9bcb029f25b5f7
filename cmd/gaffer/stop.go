package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameSignal is how long another signal is taken for the same one. A Ctrl-C
// that a wrapper passes on arrives twice.
const sameSignal = 50 * time.Millisecond

var errKilled = errors.New("stopped at once: processes were killed")

// catchSignals takes the signals by which a terminal and its user end a program.
// release gives them back. One that is ignored stays so: nohup has its reason.
func catchSignals() (caught <-chan os.Signal, release func()) {
	c := make(chan os.Signal, 8)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(sig) {
			signal.Notify(c, sig)
		}
	}
	// Whoever reads our output may go away (gaffer start | head). To catch
	// SIGPIPE makes the write fail and nothing else; ignored, it would be
	// ignored in the processes too.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	return c, func() {
		signal.Stop(c)
		signal.Stop(pipe)
	}
}

// kills reports whether a signal does not ask for a graceful end.
func kills(sig os.Signal) bool { return sig == syscall.SIGQUIT }

// kill ends everything at once.
func (f *foreground) kill() error {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	return errors.Join(errKilled, f.manager.Shutdown(now))
}

// shutdown stops everything gracefully, or at once on another signal of the
// user's. A terminal that is closed says so more than once, which is no hurry.
func (f *foreground) shutdown() error {
	f.stop()
	f.work.Wait()
	ctx, kill := context.WithCancel(context.Background())
	defer kill()
	f.work.Go(func() { f.showStopping(ctx) })
	defer f.work.Wait()
	done := make(chan error, 1)
	go func() { done <- f.manager.Shutdown(ctx) }()
	begun := time.Now()
	killed := false
	for {
		select {
		case err := <-done:
			if killed {
				err = errors.Join(errKilled, err)
			}
			kill()
			return err
		case sig := <-f.signals:
			if kills(sig) || sig != syscall.SIGHUP && time.Since(begun) > sameSignal {
				killed = true
				kill()
			}
		}
	}
}
