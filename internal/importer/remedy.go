package importer

import (
	"slices"
	"strings"

	"github.com/gafferd/gaffer/internal/nearest"
)

// remedy is what to do about a key that has no counterpart. Some of its values
// are as good as none.
type remedy struct {
	text     string
	harmless string // in lower case, separated by spaces
}

// Remedies of several supervisors.
const (
	logFolder = "with state_dir gafferd keeps the output of each process in files, bounded by log_size and log_age; read it with gafferctl logs"
	watching  = "gafferd does not watch files: have a tool that does run gafferctl restart"

	no = "false no off 0"
)

// noCounterpart warns of a key that nothing becomes of. read are the keys of
// which something does become, and whose is the supervisor that knows them. The value is
// that of a scalar, and empty for others.
func (r *reading) noCounterpart(at place, name, value string, remedies map[string]remedy, read []string, whose string) {
	what, ok := remedies[name]
	switch {
	case !ok:
		known := slices.Clone(read)
		for name := range remedies {
			known = append(known, name)
		}
		slices.Sort(known)
		r.warn(at, "is no key of %s's, the nearest is %s: left out", whose, nearest.Name(name, known))
	case !slices.Contains(strings.Fields(what.harmless), strings.ToLower(value)):
		r.warn(at, "has no counterpart: %s", what.text)
	}
}
