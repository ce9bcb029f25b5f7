package importer

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

var (
	notInNames  = regexp.MustCompile(`[^A-Za-z0-9_.@+-]+`)
	startOfName = regexp.MustCompile(`^[^A-Za-z0-9_]+`)
)

// grouped is the name of a process in a group, which may be empty.
func grouped(group, name string) string {
	if group == "" {
		return name
	}
	return group + ":" + name
}

// nameFor is a name that a process may have, and that none before it has. A
// name that is not the one it had is told.
func (r *reading) nameFor(p *process, taken map[string]*process) string {
	var parts []string
	for part := range strings.SplitSeq(p.name, ":") {
		part = notInNames.ReplaceAllLiteralString(part, "-")
		part = strings.TrimRight(startOfName.ReplaceAllLiteralString(part, ""), "-")
		if part != "" {
			parts = append(parts, part)
		}
	}
	name := cmp.Or(strings.Join(parts, ":"), "process")
	why := "names have letters, digits and _ . @ + - alone"
	if strings.Trim(name, "0123456789") == "" {
		name, why = "process-"+name, "digits alone are a pid"
	}
	name = name[:min(len(name), 100)]
	free := name
	for n := 2; taken[free] != nil; n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	switch {
	case free != name:
		r.warn(p.at, "is called %s, because another %s comes before it", free, name)
	case name != p.name:
		r.warn(p.at, "is called %s, because %s", name, why)
	}
	return free
}
