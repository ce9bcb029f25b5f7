package process

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gafferd/gaffer/process/spawn"
)

// Rlimit is a limit of setrlimit(2). The program may move the soft one, which is
// what counts, up to the hard one.
type Rlimit struct{ Soft, Hard uint64 }

// Unlimited as a limit is none.
const Unlimited = spawn.Infinity

// ParseRlimit reads a limit as people write it: "1024" is both limits,
// "100:200" is soft and hard, and unlimited (or infinity) is none.
func ParseRlimit(text string) (Rlimit, error) {
	soft, hard, two := strings.Cut(text, ":")
	if !two {
		hard = soft
	}
	var l Rlimit
	for _, part := range []struct {
		text string
		to   *uint64
	}{{soft, &l.Soft}, {hard, &l.Hard}} {
		switch strings.ToLower(strings.TrimSpace(part.text)) {
		case "unlimited", "infinity":
			*part.to = Unlimited
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(part.text), 10, 64)
		if err != nil {
			return Rlimit{}, fmt.Errorf("%q is not a limit: give a number, unlimited, or SOFT:HARD", text)
		}
		*part.to = n
	}
	return l, nil
}

// String is what ParseRlimit reads.
func (l Rlimit) String() string {
	if l.Soft == l.Hard {
		return limitText(l.Soft)
	}
	return limitText(l.Soft) + ":" + limitText(l.Hard)
}

func limitText(n uint64) string {
	if n == Unlimited {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}

// rlimitNames are those of setrlimit(2), in lower case and without RLIMIT_.
var rlimitNames = []string{
	"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue",
	"nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
}

// RlimitNames are the names that Spec.Rlimits may have.
func RlimitNames() []string { return slices.Clone(rlimitNames) }

// CapabilityNames are the names that Spec.Capabilities may have.
func CapabilityNames() []string { return slices.Clone(spawn.CapabilityNames) }

func (p *problems) checkLimits(s *Spec) {
	for _, name := range slices.Sorted(maps.Keys(s.Rlimits)) {
		switch l := s.Rlimits[name]; {
		case !slices.Contains(rlimitNames, name):
			p.add("rlimits", "%q is not a limit: there are %s", name, strings.Join(rlimitNames, ", "))
		case l.Soft > l.Hard:
			p.add("rlimits."+name, "the soft limit %s is above the hard one %s: give SOFT:HARD", limitText(l.Soft), limitText(l.Hard))
		}
	}
	if n := s.Nice; n != nil && (*n < -20 || *n > 19) {
		p.add("nice", "%d is out of range: give -20 (first) to 19 (last)", *n)
	}
	if n := s.OOMScoreAdj; n != nil && (*n < -1000 || *n > 1000) {
		p.add("oom_score_adj", "%d is out of range: give -1000 (never killed) to 1000 (killed first)", *n)
	}
	for i, name := range s.Capabilities {
		switch {
		case !slices.Contains(spawn.CapabilityNames, name):
			p.add("capabilities", "%q is not a capability: give names such as net_bind_service", name)
		case slices.Contains(s.Capabilities[:i], name):
			p.add("capabilities", "%q is there twice", name)
		}
	}
}

// limits are what the description sets, and what running as another user does
// unless it says otherwise: without capabilities, and with no way to get any.
func (s *Spec) limits(a *account) spawn.Limits {
	var l spawn.Limits
	for _, name := range slices.Sorted(maps.Keys(s.Rlimits)) {
		if number, ok := spawn.ResourceNumber(name); ok {
			l.Resources = append(l.Resources, spawn.Resource{Number: number, Soft: s.Rlimits[name].Soft, Hard: s.Rlimits[name].Hard})
		}
	}
	l.Nice, l.OOMScoreAdj = valueOf(s.Nice), valueOf(s.OOMScoreAdj)
	another := a != nil && a.another
	l.NoNewPrivs = another
	if s.NoNewPrivs != nil {
		l.NoNewPrivs = *s.NoNewPrivs
	}
	switch {
	case s.Capabilities != nil:
		l.LimitCaps = true
		for _, name := range s.Capabilities {
			l.Caps |= 1 << slices.Index(spawn.CapabilityNames, name)
		}
		l.Bounding = l.Caps
	case another:
		l.LimitCaps, l.Bounding = true, ^uint64(0)
	}
	return l
}

func valueOf(n *int) spawn.Value {
	if n == nil {
		return spawn.Value{}
	}
	return spawn.To(*n)
}
