package process

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/gafferd/gaffer/process/spawn"
)

// execute has start execute path, which Resolve has found, and says why that failed.
// Resolve cannot know what the program's user may do: if path is refused to that user,
// what PATH has behind it is tried, as by execvp(3).
func (c *Command) execute(path string, start func(path string) error) error {
	refused := start(path)
	if refused == nil {
		return nil
	}
	if errors.Is(refused, syscall.EACCES) && !strings.Contains(c.Path, "/") {
		behind := false
		for candidate, err := range c.candidates() {
			if behind && err == nil {
				if err = start(candidate); err == nil {
					return nil
				}
				if !errors.Is(err, syscall.EACCES) {
					return c.diagnose(candidate, err)
				}
			}
			behind = behind || candidate == path
		}
	}
	return c.diagnose(path, refused)
}

// diagnose says why path could not be executed. The kernel answers one number
// for a missing program, directory and interpreter alike.
func (c *Command) diagnose(path string, err error) error {
	if c.Dir != "" {
		if info, dirErr := os.Stat(c.Dir); dirErr != nil {
			return fmt.Errorf("cwd %s: %w", c.Dir, cause(dirErr))
		} else if !info.IsDir() {
			return fmt.Errorf("cwd %s: %w", c.Dir, syscall.ENOTDIR)
		}
	}
	if step, ok := errors.AsType[*spawn.StepError](err); ok {
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
			return fmt.Errorf("%w: gafferd has not the right to, which root has", step)
		}
		return explain(step)
	}
	if c.Credential != nil && errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("run as uid %d, gid %d: %w: only root may change the user", c.Credential.UID, c.Credential.GID, err)
	}
	refused := errors.Is(err, syscall.EACCES)
	if refused && !c.mayEnterDir() {
		return fmt.Errorf("cwd %s: %w", c.Dir, c.forUser(err))
	}
	info, statErr := os.Stat(c.inDir(path))
	name := path
	if path == c.Path || c.Display != "" || c.DisplayPATH != "" {
		name = cmp.Or(c.Display, c.Path)
	}
	switch {
	case errors.Is(err, syscall.ENOENT) && statErr == nil:
		return fmt.Errorf("%s: its interpreter (#!) or loader does not exist: %w", name, err)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%s: neither a script that begins with #! nor a program for this machine: %w", name, err)
	case refused && statErr == nil && info.IsDir():
		return fmt.Errorf("%s: is a directory: %w", name, err)
	case refused && statErr == nil && info.Mode()&0o111 == 0:
		return fmt.Errorf("%s: not executable, chmod +x would make it so: %w", name, err)
	case refused:
		return fmt.Errorf("%s: %w", name, c.forUser(err))
	}
	return fmt.Errorf("%s: %w", name, explain(err))
}

// mayEnterDir has the kernel say whether the user that the program runs as may change
// to Dir, which no look at modes tells. The file asked for has no name, so "does not
// exist" is the answer for a user who may enter.
func (c *Command) mayEnterDir() bool {
	if c.Dir == "" {
		return true
	}
	attr := c.attr()
	attr.Umask, attr.Limits = spawn.Value{}, spawn.Limits{} // which could fail before
	attr.Slow = c.slow("")
	_, _, err := family.launch(attr, nil)
	return !errors.Is(err, syscall.EACCES)
}

// forUser adds to a refusal which user it is for, who need not be this program's.
func (c *Command) forUser(err error) error {
	if c.Credential == nil {
		return err
	}
	return fmt.Errorf("%w for uid %d", err, c.Credential.UID)
}

// cause is the error without the call and the path that os adds.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}
