package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// readyVariable tells a daemon that was started by --daemon on which descriptor
// somebody waits to hear that it serves.
const readyVariable = "GAFFERD_READY_FD"

// exitCode ends gafferd with a code, after all has been said.
type exitCode int

func (c exitCode) Error() string { return "exit code " + strconv.Itoa(int(c)) }

// inBackground starts this program once more, in a session of its own, and
// returns when that one serves: Go cannot fork. Until then the other prints
// where this one does. What it fails with is this one's exitCode, and a signal
// to stop is passed on.
func inBackground(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := exec.Command(self, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, stderr
	cmd.ExtraFiles = []*os.File{w} // 3, the first after these
	cmd.Env = append(os.Environ(), readyVariable+"=3")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	ctx, release := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer release()
	err = cmd.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	defer context.AfterFunc(ctx, func() { cmd.Process.Signal(syscall.SIGTERM) })()
	if n, _ := r.Read(make([]byte, 1)); n == 1 {
		return cmd.Process.Release()
	}
	cmd.Wait() // the state says it all
	switch code := cmd.ProcessState.ExitCode(); {
	case code > 0:
		return exitCode(code) // and it has said why
	case context.Cause(ctx) != nil:
		return errors.New("stopped before the daemon served")
	default:
		return fmt.Errorf("the daemon ended before it served: %v", cmd.ProcessState)
	}
}

// starter is the program that has started this daemon with --daemon, and waits. It is
// nil for a daemon that was started in no such way.
type starter struct{ ready *os.File }

// theStarter must be called once, before any other program is started: none has
// any business with the descriptor.
func theStarter(w *worker) (*starter, error) {
	if f := w.take(keptStarter); f != nil {
		return &starter{f}, w.hold(keptStarter, nil)
	}
	text, there := os.LookupEnv(readyVariable)
	if !there {
		return nil, nil
	}
	os.Unsetenv(readyVariable)
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("%s is %q: it is for gafferd to set", readyVariable, text)
	}
	unix.CloseOnExec(fd)
	return &starter{os.NewFile(uintptr(fd), "ready")}, nil
}

// leave lets go of the starter's input and outputs, and tells it that the daemon
// serves. What is printed from now on goes to log, or nowhere if that is nil.
func (s *starter) leave(log *logFile, w *worker) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	if err := unix.Dup2(int(null.Fd()), 0); err != nil {
		return err
	}
	if log != nil {
		err = log.takeOutputs(w)
	} else {
		err = redirect(w, null)
	}
	if err != nil {
		return err
	}
	s.ready.Write([]byte{1}) // an error: nobody waits any more
	return s.ready.Close()
}

// redirect makes f standard output and error, of the keeper too.
func redirect(w *worker, f *os.File) error {
	return errors.Join(unix.Dup2(int(f.Fd()), 1), unix.Dup2(int(f.Fd()), 2), w.outputs(os.Stdin, f))
}
