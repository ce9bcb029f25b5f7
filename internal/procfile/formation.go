package procfile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gafferd/gaffer/internal/nearest"
	"github.com/gafferd/gaffer/manager"
)

// Formation says how many instances of each process there should be. The zero
// value is one of each.
type Formation struct {
	numbers map[string]int
}

// all stands for every process that a formation does not name.
const all = "all"

// ParseFormation reads "web=2,worker=1". "all=0" is for those that it does not
// name; without it, there is one of each of them.
func (a *App) ParseFormation(s string) (Formation, error) {
	f := Formation{map[string]int{}}
	if strings.TrimSpace(s) == "" {
		return f, nil
	}
	var errs []error
	for _, part := range strings.Split(s, ",") {
		name, number, found := strings.Cut(strings.TrimSpace(part), "=")
		if !found {
			errs = append(errs, fmt.Errorf("want NAME=NUMBER, such as web=2, got %s", quoted(part)))
			continue
		}
		n, err := parseNumber(number)
		if err == nil && name != all {
			_, err = a.Index(name)
		}
		if err != nil {
			errs = append(errs, err)
		}
		f.numbers[name] = n
	}
	return f, errors.Join(errs...)
}

// Of is how many instances there should be of a process.
func (f Formation) Of(name string) int {
	if n, ok := f.Given(name); ok {
		return n
	}
	return 1
}

// Given is how many instances of a process were asked for, if any number was.
func (f Formation) Given(name string) (int, bool) {
	n, ok := f.numbers[name]
	if !ok {
		n, ok = f.numbers[all]
	}
	return n, ok
}

// Only is f without the processes that are not named.
func (f Formation) Only(names []string) Formation {
	only := Formation{map[string]int{all: 0}}
	for _, name := range names {
		only.numbers[name] = f.Of(name)
	}
	return only
}

// Index finds a process of the Procfile.
func (a *App) Index(name string) (int, error) {
	names := make([]string, len(a.Entries))
	for i, e := range a.Entries {
		names[i] = e.Name
	}
	if i := slices.Index(names, name); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("%s has no process %s%s", a.Procfile, quoted(name), nearest.Hint(name, names))
}

// Change is how scale changes the number of one process.
type Change struct {
	Name   string
	Sign   byte // '=', '+' or '-'
	Number int
}

var change = regexp.MustCompile(`^([A-Za-z0-9_.@+-]+?)([=+-])([0-9]+)$`)

// ParseChange reads "web=3", "worker+2" and "worker-1".
func ParseChange(s string) (Change, error) {
	m := change.FindStringSubmatch(s)
	if m == nil {
		return Change{}, fmt.Errorf("want NAME=3, NAME+2 or NAME-1, got %s", quoted(s))
	}
	n, err := parseNumber(m[3])
	return Change{m[1], m[2][0], n}, err
}

func parseNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > manager.DefaultMaxNumProcesses {
		return 0, fmt.Errorf("%s is no number of instances, want 0 to %d", quoted(s), manager.DefaultMaxNumProcesses)
	}
	return n, nil
}
