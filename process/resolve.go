package process

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gafferd/gaffer/process/spawn"
)

// defaultPath is where programs are looked up when the environment has no PATH,
// as a shell does.
const defaultPath = "/usr/local/bin:/usr/bin:/bin"

// Resolve finds the program: a Path with a slash is taken as it is, relative to
// Dir, and any other is looked up in the PATH of Env. What it returns is to be
// executed after changing to Dir.
func (c *Command) Resolve() (string, error) {
	if strings.Contains(c.Path, "/") {
		return c.Path, nil
	}
	path := defaultPath
	for _, entry := range c.Env {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			path = value
		}
	}
	refused := false
	for _, dir := range filepath.SplitList(path) {
		candidate := filepath.Join(cmp.Or(dir, "."), c.Path)
		if !strings.Contains(candidate, "/") {
			candidate = "./" + candidate // from PATH's own "." and not to be looked up again
		}
		info, err := os.Stat(c.inDir(candidate))
		switch {
		case err != nil || info.IsDir():
			refused = refused || errors.Is(err, fs.ErrPermission)
		case info.Mode()&0o111 == 0:
			refused = true
		default:
			return candidate, nil
		}
	}
	name := cmp.Or(c.Display, c.Path)
	if refused {
		return "", fmt.Errorf("%s: found in PATH, but not executable: %w", name, syscall.EACCES)
	}
	return "", fmt.Errorf("%s: not found in PATH (%s): %w", name, cmp.Or(c.DisplayPATH, path), syscall.ENOENT)
}

// inDir is path as seen from here.
func (c *Command) inDir(path string) string {
	if filepath.IsAbs(path) || c.Dir == "" {
		return path
	}
	return filepath.Join(c.Dir, path)
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
	info, statErr := os.Stat(c.inDir(path))
	name := path
	if path == c.Path || c.DisplayPATH != "" {
		name = cmp.Or(c.Display, c.Path)
	}
	switch {
	case errors.Is(err, syscall.ENOENT) && statErr == nil:
		return fmt.Errorf("%s: its interpreter (#!) or loader does not exist: %w", name, err)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%s: neither a script that begins with #! nor a program for this machine: %w", name, err)
	case errors.Is(err, syscall.EACCES) && statErr == nil && info.IsDir():
		return fmt.Errorf("%s: is a directory: %w", name, err)
	case errors.Is(err, syscall.EACCES) && statErr == nil && info.Mode()&0o111 == 0:
		return fmt.Errorf("%s: not executable, chmod +x would make it so: %w", name, err)
	}
	return fmt.Errorf("%s: %w", name, explain(err))
}

// explain adds what to do to errors about what has run out.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return fmt.Errorf("%w: raise the daemon's limit (ulimit -n)", err)
	case errors.Is(err, syscall.ENFILE):
		return fmt.Errorf("%w: raise the machine's limit (fs.file-max)", err)
	case errors.Is(err, syscall.EAGAIN):
		return fmt.Errorf("no room for another process: %w: raise the limit (ulimit -u, pids.max)", err)
	case errors.Is(err, syscall.E2BIG):
		return fmt.Errorf("args and env are too long together: %w", err)
	}
	return err
}

// cause is the error without the call and the path that os adds.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}
