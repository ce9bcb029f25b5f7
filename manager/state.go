package manager

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/gafferd/gaffer/internal/wholefile"
	"github.com/gafferd/gaffer/streams"
	"github.com/gafferd/gaffer/streams/archive"
)

// StateOptions configure a State. The zero value works.
type StateOptions struct {
	Logs archive.Limits // for each process

	// Lock is State.Lock of an earlier State of the directory, which still holds
	// its lock, for a program that takes another's place. It is the State's to
	// close. nil: the lock is taken.
	Lock *os.File

	// OSPid is who is told to those that wait for the lock. 0 is this program.
	OSPid int
}

// State is what a daemon knows and its next life has to know: a directory with
// the descriptions that were made over the API, the exits, and the logs. One
// program at a time has it open. Hand it to a Manager with Options.State, and
// close it after that one's Shutdown.
//
// The directory holds templates.json, exits.json and running.json, each written
// anew as a whole and then renamed, a key, logs (see package archive), and a lock.
type State struct {
	root     *os.Root // set by OpenState, never changed, like all below but exits
	lock     *os.File
	logs     *archive.Dir
	sequence streams.Sequence
	bell     streams.Bell
	failures chan error   // of writing logs, nil when it works again; has room for two
	leftOut  []error      // why logs are not shown
	writes   atomic.Int64 // of the files here, for tests
	saved    savedTemplates
	exits    savedExits // a Manager's mutex guards them: it takes out what it takes over
	running  savedRunning
}

// OpenState opens a directory, which is made, for its owner alone, if it is not
// there. While another program has it open, OpenState waits until ctx ends; it
// calls waiting once, with that one's os pid (0 if unknown), before it does.
// waiting may be nil. A directory on a disk that is read-only is read, and that
// nothing can be written is told as when that comes later.
func OpenState(ctx context.Context, dir string, o StateOptions, waiting func(pid int)) (*State, error) {
	s, err := openState(ctx, dir, o, waiting)
	if err != nil {
		return nil, fmt.Errorf("state directory %s: %w", dir, err)
	}
	return s, nil
}

func openState(ctx context.Context, dir string, o StateOptions, waiting func(pid int)) (*State, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &State{root: root, failures: make(chan error, 2)}
	if s.lock = o.Lock; s.lock == nil {
		if s.lock, err = lockState(ctx, root, cmp.Or(o.OSPid, os.Getpid()), waiting); err != nil {
			root.Close()
			return nil, err
		}
	}
	if err = s.readAll(); err == nil {
		s.logs, err = archive.Open(filepath.Join(dir, "logs"), archive.Options{
			Limits: o.Logs, Sequence: &s.sequence, Bell: &s.bell, Failed: s.failed, GoOn: o.Lock != nil,
			LeftOut: func(err error) { s.leftOut = append(s.leftOut, err) },
		})
	}
	if err != nil {
		s.lock.Close()
		root.Close()
		return nil, err
	}
	return s, nil
}

// Check reports whether the program that is to take this one's place could open the
// directory. Logs do not matter: those that cannot be read are left out.
func (s *State) Check() error {
	next := new(State)
	root, err := os.OpenRoot(s.root.Name())
	if err == nil {
		defer root.Close()
		next.root = root
		err = next.readAll()
	}
	if err == nil {
		var logs *os.Root
		if logs, err = root.OpenRoot("logs"); err == nil {
			err = logs.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("state directory %s: %w", s.root.Name(), err)
	}
	_, err = next.Key()
	return err
}

// Lock is the file whose lock says that the directory is in use. Whoever has a
// descriptor of it holds the lock.
func (s *State) Lock() *os.File { return s.lock }

// Close writes what is left of the logs and unlocks the directory.
func (s *State) Close() error {
	return errors.Join(s.logs.Close(), s.lock.Close(), s.root.Close())
}

// failed hands on what the archive says about its disk. Only the last two are of
// interest to one who was not listening.
func (s *State) failed(err error) {
	for {
		select {
		case s.failures <- err:
			return
		default:
		}
		select {
		case <-s.failures:
		default:
		}
	}
}

func (s *State) readAll() error {
	return cmp.Or(s.read(templatesFile, &s.saved), s.read(exitsFile, &s.exits), s.read(runningFile, &s.running))
}

// read reads a file of the state; that it is not there is fine.
func (s *State) read(name string, to any) error {
	data, err := s.root.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("%s is damaged: %w; move it away to begin anew", name, err)
	}
	return nil
}

// write replaces a file of the state. After a crash there is the old one or the
// new one.
func (s *State) write(name string, data []byte) error {
	s.writes.Add(1)
	return wholefile.Replace(s.root, name, data)
}
