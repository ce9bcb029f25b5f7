package process

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
	refused := false
	for candidate, err := range c.candidates() {
		if err == nil {
			return candidate, nil
		}
		refused = refused || errors.Is(err, fs.ErrPermission)
	}
	name := cmp.Or(c.Display, c.Path)
	if refused {
		return "", fmt.Errorf("%s: found in PATH, but not executable: %w", name, syscall.EACCES)
	}
	return "", notInPath(fmt.Sprintf("%s: not found in PATH (%s)", name, cmp.Or(c.DisplayPATH, c.searchPath())))
}

// notInPath is syscall.ENOENT, which has nothing to add to what it says.
type notInPath string

func (e notInPath) Error() string { return string(e) }
func (e notInPath) Unwrap() error { return syscall.ENOENT }

// searchPath is the PATH of Env.
func (c *Command) searchPath() string {
	path := defaultPath
	for _, entry := range c.Env {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			path = value
		}
	}
	return path
}

// candidates are the files that PATH names, each with why nobody could execute it, or
// nil.
func (c *Command) candidates() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, dir := range filepath.SplitList(c.searchPath()) {
			candidate := filepath.Join(cmp.Or(dir, "."), c.Path)
			if !strings.Contains(candidate, "/") {
				candidate = "./" + candidate // from PATH's own "." and not to be looked up again
			}
			info, err := os.Stat(c.inDir(candidate))
			switch {
			case err != nil:
			case info.IsDir():
				err = syscall.EISDIR
			case info.Mode()&0o111 == 0:
				err = syscall.EACCES
			}
			if !yield(candidate, err) {
				return
			}
		}
	}
}

// inDir is path as seen from here.
func (c *Command) inDir(path string) string {
	if filepath.IsAbs(path) || c.Dir == "" {
		return path
	}
	return filepath.Join(c.Dir, path)
}

// explain adds some advice to an error that says that something has run out.
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
