//go:build !linux

package process

import (
	"errors"
	"os"
	"time"
)

// The sizes of a pipe while it floods and otherwise.
const (
	floodPipe = 256 << 10
	calmPipe  = 64 << 10
)

var errUnsupported = errors.New("processes can be started on Linux only")

// LocalLauncher starts processes as children of this program.
type LocalLauncher struct{}

// NewLocalLauncher fails: processes can be started on Linux only.
func NewLocalLauncher(LauncherOptions) (*LocalLauncher, error) { return nil, errUnsupported }

// Launch fails like NewLocalLauncher.
func (*LocalLauncher) Launch(Command) (Child, error) { return nil, errUnsupported }

// GiveUp does nothing.
func (*LocalLauncher) GiveUp(int) {}

// Close does nothing.
func (*LocalLauncher) Close() error { return nil }

func outputPipe() (theirs, ours *os.File, err error) { return nil, nil, errUnsupported }
func inputPipe() (theirs, ours *os.File, err error)  { return nil, nil, errUnsupported }
func socketPair() (theirs, ours *os.File, err error) { return nil, nil, errUnsupported }
func setPipeSize(int, int) error                     { return errUnsupported }
func control(*os.File, func(int) error) error        { return errUnsupported }
func buffered(int) int                               { return 0 }
func shutdownWrite(*os.File) error                   { return errUnsupported }

// pauses are short ones, of which there are none: nothing is read.
type pauses struct{}

func newPauses(time.Duration) (*pauses, error) { return nil, errUnsupported }

func (*pauses) wait()  {}
func (*pauses) close() {}

func (*reader) leavePoller() error { return errUnsupported }
func (*reader) joinPoller() bool   { return true }
func (r *reader) close()           { r.file.Close() }
