package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/gafferd/gaffer/internal/console"
	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

// drainTime bounds how long the terminal may take for the last of the output,
// once the processes are gone.
const drainTime = 3 * time.Second

// foreground is a manager, what it prints, and the signals that end it.
type foreground struct {
	manager  *manager.Manager
	launcher *process.LocalLauncher
	output   *console.Console
	exits    *manager.EventCursor
	restart  bool // what fails is started again
	progress bool // somebody looks at it
	signals  <-chan os.Signal
	release  func() // of the signals
	printed  chan error
	stop     context.CancelFunc // of the background
	work     sync.WaitGroup     // the background
}

func newForeground(stdout io.Writer, templates []manager.Template, restart bool) (*foreground, error) {
	// gaffer starts children in no other way, so every orphan is its own.
	launcher, err := process.NewLocalLauncher(process.LauncherOptions{Subreaper: true, OwnsChildren: true})
	if err != nil {
		return nil, err
	}
	exits, err := manager.ParsePattern(manager.EventExit)
	if err != nil {
		return nil, err
	}
	m := manager.New(manager.Options{Launcher: launcher})
	f := &foreground{
		manager:  m,
		launcher: launcher,
		output: console.New(m, stdout, console.Options{
			Color: console.Colored(stdout), Events: true, Width: widest(templates),
		}),
		exits:    m.Events().Subscribe(exits, 0),
		restart:  restart,
		progress: console.Redraws(stdout),
		printed:  make(chan error, 1),
	}
	f.signals, f.release = catchSignals()
	return f, nil
}

// close gives back what is left when run has returned.
func (f *foreground) close() {
	f.release()
	f.launcher.Close()
}

// widest is the length of the longest name of an instance.
func widest(templates []manager.Template) int {
	most := 0
	for _, t := range templates {
		most = max(most, len(fmt.Sprintf("%s.%d", t.Name, t.NumProcesses)))
	}
	return most
}

// run returns when everything has ended, and why if it did not end well.
func (f *foreground) run(ctx context.Context, templates []manager.Template) error {
	background, stop := context.WithCancel(context.Background())
	f.stop = stop
	printing, unprint := context.WithCancel(context.Background())
	defer unprint()
	go func() { f.printed <- f.output.Run(printing) }() // is waited for below

	o, err := f.manager.Load(templates)
	ended := make(chan error, 1)
	if err == nil {
		f.work.Go(func() { ended <- f.untilEnd(background) })
		f.work.Go(func() { f.showStarting(background, o.Done(), templates) })
		err = f.untilTold(ctx, ended)
	}
	err = errors.Join(err, f.shutdown())
	select {
	case failed := <-f.printed:
		f.printed <- failed
	case <-time.After(drainTime): // nobody takes our output: it ends with us
	}
	return err
}

// untilTold returns when there is a reason to stop everything, with an error
// if it is not a good one.
func (f *foreground) untilTold(ctx context.Context, ended <-chan error) error {
	select {
	case sig := <-f.signals:
		again := ""
		if sig == os.Interrupt {
			again = ", Ctrl-C again kills"
		}
		f.output.Say("gaffer", fmt.Sprintf("stopping everything: %v%s", sig, again))
		if kills(sig) {
			return f.kill()
		}
		return nil
	case err := <-ended:
		if err != nil {
			f.output.Say("gaffer", fmt.Sprintf("stopping everything: %v", err))
		}
		return err
	case err := <-f.printed: // whoever read our output has gone
		f.printed <- err
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// untilEnd returns when no process will run any more, or the first failure
// that is not to be followed by a restart.
func (f *foreground) untilEnd(ctx context.Context) error {
	for {
		ev, missed, err := f.exits.Next(ctx, 0)
		if err != nil {
			return nil // told to stop
		}
		if err := failure(ev); err != nil && !f.restart {
			return err
		}
		active := false
		for _, name := range f.manager.Names() {
			status, err := f.manager.Status(name)
			active = active || err == nil && status.Active
			if missed > 0 && status.State == manager.StateFailed && !f.restart {
				return &exitError{exitFailed, fmt.Errorf("%s has failed", name)}
			}
		}
		if !active {
			return nil
		}
	}
}

// failure is why an instance ended, unless it was done, with the exit status
// that a shell would give it.
func failure(ev manager.Event) error {
	name := fmt.Sprintf("%s.%d", ev.Name, ev.Index)
	switch {
	case ev.OSPid == 0:
		return &exitError{ev.ExitStatus, fmt.Errorf("%s could not be started: %s", name, ev.Reason)}
	case ev.TermSignal != 0:
		return &exitError{128 + ev.TermSignal, fmt.Errorf("%s was ended by signal %d", name, ev.TermSignal)}
	case ev.ExitStatus != 0:
		return &exitError{ev.ExitStatus, fmt.Errorf("%s exited with status %d", name, ev.ExitStatus)}
	}
	return nil
}
