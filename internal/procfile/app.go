package procfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Files say where an application is. The zero value is the Procfile of the
// current folder, with the .env beside it.
type Files struct {
	Procfile string   // "": Procfile in Root
	Root     string   // where commands run; "": the folder of the Procfile
	Env      []string // besides the .env beside the Procfile; later ones win
}

// App is an application: processes, in the order of the Procfile, and the
// environment that they share.
type App struct {
	Procfile string // its path
	Root     string // where commands run
	Entries  []Entry
	Env      map[string]string
	port     int // of the first process
}

// ErrNoProcfile is the error of Open where there is none.
var ErrNoProcfile = errors.New("there is no Procfile")

// Open reads an application's files. All mistakes in them are reported.
func Open(f Files) (*App, error) {
	file, root, err := f.places()
	if err != nil {
		return nil, err
	}
	a := &App{Procfile: file, Root: root, Env: map[string]string{}}
	errs := []error{a.readProcfile(), a.readEnv(filepath.Join(filepath.Dir(file), ".env"), true)}
	for _, env := range f.Env {
		errs = append(errs, a.readEnv(env, false))
	}
	if info, err := os.Stat(root); err != nil {
		errs = append(errs, err)
	} else if !info.IsDir() {
		errs = append(errs, fmt.Errorf("%s is not a folder in which commands could run", root))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	a.port, err = basePort(cmp.Or(a.Env["PORT"], os.Getenv("PORT")))
	return a, err
}

// Environment reads the environment of an application that need not have a
// Procfile.
func Environment(f Files) (map[string]string, error) {
	file, _, err := f.places()
	if err != nil {
		return nil, err
	}
	a := &App{Env: map[string]string{}}
	errs := []error{a.readEnv(filepath.Join(filepath.Dir(file), ".env"), true)}
	for _, env := range f.Env {
		errs = append(errs, a.readEnv(env, false))
	}
	return a.Env, errors.Join(errs...)
}

// places are the absolute paths of the Procfile and of the root.
func (f Files) places() (file, root string, err error) {
	file = cmp.Or(f.Procfile, filepath.Join(f.Root, "Procfile"))
	if file, err = filepath.Abs(file); err != nil {
		return "", "", err
	}
	root, err = filepath.Abs(cmp.Or(f.Root, filepath.Dir(file)))
	return file, root, err
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9_.@+-]+`)

// Group is the name of the application: that of its folder, without what a name
// cannot have.
func (f Files) Group() (string, error) {
	_, root, err := f.places()
	if err != nil {
		return "", err
	}
	name := notInNames.ReplaceAllLiteralString(filepath.Base(root), "-")
	name = strings.TrimLeft(name, ".@+-")
	return cmp.Or(name[:min(len(name), 60)], "app"), nil
}

func (a *App) readProcfile() error {
	text, err := readFile(a.Procfile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w at %s: write one, with lines such as \"web: ./server\", or name another with -f", ErrNoProcfile, a.Procfile)
	case err != nil:
		return err
	}
	a.Entries, err = Parse(a.Procfile, text)
	return err
}

func (a *App) readEnv(file string, optional bool) error {
	text, err := readFile(file)
	switch {
	case optional && errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	env, err := ParseEnv(file, text)
	maps.Copy(a.Env, env)
	return err
}

// maxFile is more than anybody writes by hand.
const maxFile = 1 << 20

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes: it cannot be what it should be", name, maxFile)
	}
	return text, err
}

const maxPort = 65535

func basePort(s string) (int, error) {
	if s == "" {
		return 5000, nil
	}
	port, err := strconv.Atoi(s)
	if err != nil || port < 1 || port > maxPort {
		return 0, fmt.Errorf("PORT is %s, want the port of the first process, 1 to %d", quoted(s), maxPort)
	}
	return port, nil
}
