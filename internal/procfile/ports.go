package procfile

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// Port is the PORT of the first instance of the process at index i of Entries.
// Its other instances have the ports after it, the next process begins 100
// higher.
func (a *App) Port(i int) int { return a.port + 100*i }

// Ports are those of the instances of a process, one each from First on.
type Ports struct {
	Name      string
	First     int
	Instances int
}

// CheckPorts reports instances whose PORT is no port, or that of another process.
// number is how many instances of a process there are.
func (a *App) CheckPorts(number func(name string) int) error {
	all := make([]Ports, len(a.Entries))
	for i, e := range a.Entries {
		all[i] = Ports{e.Name, a.Port(i), number(e.Name)}
	}
	return Clash(all)
}

// Clash reports the first process whose instances have a PORT that is no port, or
// that of the next one.
func Clash(all []Ports) error {
	all = slices.DeleteFunc(slices.Clone(all), func(p Ports) bool { return p.Instances == 0 })
	slices.SortStableFunc(all, func(a, b Ports) int { return cmp.Compare(a.First, b.First) })
	for i, p := range all {
		last := p.First + p.Instances - 1
		if i+1 < len(all) && last >= all[i+1].First {
			next := all[i+1]
			return fmt.Errorf("%d instances of %s would have the ports %d to %d, and %s begins at %d: have at most %d, or put %[2]s at the end of the Procfile",
				p.Instances, p.Name, p.First, last, next.Name, next.First, next.First-p.First)
		}
		if last > maxPort {
			return fmt.Errorf("the last PORT of %s would be %d, over %d: begin lower with PORT in .env, or have fewer instances", p.Name, last, maxPort)
		}
	}
	return nil
}

var exportOfPort = regexp.MustCompile(`^export PORT=\$\(\(([0-9]+)\+GAFFER_INDEX\)\) `)

// FirstPort is the PORT of the first instance of a process with the command of a
// Description, if it is one.
func FirstPort(cmd string) (port int, ok bool) {
	m := exportOfPort.FindStringSubmatch(cmd)
	if m == nil {
		return 0, false
	}
	before, err := strconv.Atoi(m[1])
	return before + 1, err == nil
}
