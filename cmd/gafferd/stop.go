package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// drainTime bounds how long readers may take for the last of the output, once
// the processes are gone.
const drainTime = 3 * time.Second

// errInterrupted makes the exit code tell that not all ended gracefully.
var errInterrupted = errors.New("stopped at once, on a second signal: processes were killed")

// caught are the signals that the daemon acts on. Each kind has a channel of its
// own, so that many of one never keep another out.
type caught struct {
	stop    chan os.Signal   // SIGINT and SIGTERM; whoever takes one and does not act on it puts it back
	hangUp  <-chan os.Signal // SIGHUP: those that come together are one
	reopen  <-chan os.Signal // SIGUSR1: likewise
	upgrade <-chan os.Signal // SIGUSR2: likewise
}

// catchSignals takes the signals. release gives them back.
func catchSignals() (taken caught, release func()) {
	stop, hangUp := make(chan os.Signal, 8), make(chan os.Signal, 1)
	reopen, upgrade := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	signal.Notify(hangUp, syscall.SIGHUP)
	signal.Notify(reopen, syscall.SIGUSR1)
	signal.Notify(upgrade, syscall.SIGUSR2)
	// Whoever reads our output may go away (gafferd -vv | head). To catch
	// SIGPIPE makes the write fail and nothing else; ignored, it would be
	// ignored in the processes too.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	return caught{stop, hangUp, reopen, upgrade}, func() {
		for _, c := range []chan os.Signal{stop, hangUp, reopen, upgrade, pipe} {
			signal.Stop(c)
		}
	}
}

// untilTheEnd returns when a signal or ctx says to stop, or when there is no
// server any more: nil. errReplaced means that another worker goes on, and
// errKeeperGone that none ever will; an exitCode is that of an essential process.
func (s *supervision) untilTheEnd(ctx context.Context) error {
	select {
	case sig := <-s.signals.stop:
		s.log.Info("stopping", "signal", sig.String())
	case <-s.serving.done:
	case <-ctx.Done():
	case end := <-s.manager.Essential():
		s.log.Info("stopping: a process has ended that is essential", "process", end.Name, "exit", end.Exit)
		if end.Exit.TermSignal > 0 {
			return exitCode(128 + end.Exit.TermSignal)
		}
		return exitCode(end.Exit.ExitStatus)
	case <-s.worker.replaced():
		return errReplaced
	case <-s.worker.orphaned():
		s.log.Error("the keeper is gone: stopping everything")
		return errKeeperGone
	}
	return nil
}

// sameSignal is how long another signal is taken for the same one. A Ctrl-C
// that a wrapper passes on, or timeout(1), signals the daemon and then the whole
// group that it is in.
const sameSignal = 50 * time.Millisecond

// stopProcesses stops everything gracefully, or at once on another signal.
func (s *supervision) stopProcesses() error {
	stopped := begin(s.manager.Shutdown)
	begun := time.Now()
	interrupted := false
	for {
		select {
		case <-stopped.done:
			if interrupted {
				return errors.Join(stopped.err, errInterrupted)
			}
			return stopped.err
		case <-s.signals.stop:
			if time.Since(begun) > sameSignal {
				interrupted = true
				stopped.cancel()
			}
		}
	}
}

// part is something of the daemon that runs beside the rest.
type part struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // once done is closed
}

// begin runs a part, which ends by itself or soon after cancel.
func begin(run func(context.Context) error) *part {
	ctx, cancel := context.WithCancel(context.Background())
	p := &part{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		defer cancel()
		p.err = run(ctx)
	}()
	return p
}

// stop cancels the part and waits for its end.
func (p *part) stop() error {
	p.cancel()
	<-p.done
	return p.err
}
