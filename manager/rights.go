package manager

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gafferd/gaffer/internal/nearest"
	"github.com/gafferd/gaffer/process"
)

// Values of what a program may use and do.

// largestShown is up to where every number is one in JSON too.
const largestShown = 1 << 53

// getRlimits shows one limit as a number and two as text.
func getRlimits(t *Template) any {
	if t.Rlimits == nil {
		return nil
	}
	shown := make(map[string]any, len(t.Rlimits))
	for name, l := range t.Rlimits {
		if l.Soft == l.Hard && l.Soft <= largestShown {
			shown[name] = int(l.Soft)
		} else {
			shown[name] = l.String()
		}
	}
	return shown
}

func setRlimits(t *Template, v any) error {
	object, ok := v.(map[string]any)
	if !ok {
		return wrong(v, `an object such as {"nofile": 1024, "core": "unlimited", "nproc": "100:200"}`)
	}
	limits := make(map[string]process.Rlimit, len(object))
	var errs []error
	for _, given := range sortedKeys(object) {
		name := strings.TrimPrefix(strings.ToLower(given), "rlimit_")
		l, err := toRlimit(object[given])
		_, twice := limits[name]
		switch known := process.RlimitNames(); {
		case object[given] == nil:
			continue
		case !slices.Contains(known, name):
			err = fmt.Errorf("is not a known limit, the nearest is %q", nearest.Name(name, known))
		case twice:
			err = errors.New("is there a second time, under another spelling")
		}
		if err != nil {
			errs = append(errs, &fieldError{given, err})
		}
		limits[name] = l
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	t.Rlimits = limits
	return nil
}

func toRlimit(v any) (process.Rlimit, error) {
	const wanted = `a number from 0 up, "unlimited", or both limits as "SOFT:HARD"`
	if text, ok := v.(string); ok {
		l, err := process.ParseRlimit(text)
		if err != nil {
			err = wrong(v, wanted)
		}
		return l, err
	}
	n, inRange, err := toInt(v)
	if err != nil || !inRange || n < 0 {
		return process.Rlimit{}, wrong(v, wanted)
	}
	return process.Rlimit{Soft: uint64(n), Hard: uint64(n)}, nil
}

func getCapabilities(t *Template) any {
	if t.Capabilities == nil {
		return nil
	}
	return append([]string{}, t.Capabilities...)
}

// setCapabilities takes names as people write them: CAP_NET_ADMIN, net_admin.
func setCapabilities(t *Template, v any) error {
	given, err := toStrings(v)
	if err != nil {
		return err
	}
	known := process.CapabilityNames()
	names := make([]string, len(given))
	var errs []error
	for i, s := range given {
		names[i] = strings.TrimPrefix(strings.ToLower(s), "cap_")
		if !slices.Contains(known, names[i]) {
			errs = append(errs, fmt.Errorf("%q is no capability, the nearest is %q", shorten(s), nearest.Name(names[i], known)))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	t.Capabilities = names
	return nil
}

// cloneRights has t share nothing with the template that it is a copy of.
func (t *Template) cloneRights() {
	t.Rlimits = maps.Clone(t.Rlimits)
	t.Nice, t.OOMScoreAdj = clonePointer(t.Nice), clonePointer(t.OOMScoreAdj)
	t.NoNewPrivs = clonePointer(t.NoNewPrivs)
	t.Capabilities = slices.Clone(t.Capabilities)
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
