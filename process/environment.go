package process

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// markerName is the variable by which an instance's descendants are recognised
// when they have lost their parent.
const markerName = "GAFFER_INSTANCE"

// secrets are variables that open the API to whoever has them. What runs here gets them
// only if its own description says so.
var secrets = []string{"GAFFER_TOKEN"}

// environment is the instance's own environment: the base, what a change of
// user asks for, the description's own, and what the daemon tells it.
func (s *Spec) environment(o *Options, a *account, marker string) map[string]string {
	var base []string
	if s.OSEnv {
		if base = o.Environ; base == nil {
			base = os.Environ()
		}
	}
	const own = 8 // variables at most that are ours
	env := make(map[string]string, len(base)+len(s.Env)+own)
	for _, entry := range base {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			env[name] = value
		}
	}
	for _, name := range secrets {
		delete(env, name)
	}
	if a != nil && a.another {
		a.identify(env)
	}
	maps.Copy(env, s.Env)
	env["GAFFER_NAME"] = s.Name
	env["GAFFER_PID"] = strconv.Itoa(o.PID)
	env["GAFFER_INDEX"] = strconv.Itoa(o.Index)
	delete(env, "GAFFER_STREAMS") // an outer daemon's, if any
	if len(s.CustomStreams) > 0 {
		pairs := make([]string, len(s.CustomStreams))
		for i, label := range s.CustomStreams {
			pairs[i] = fmt.Sprintf("%s=%d", label, firstCustomFD+i)
		}
		env["GAFFER_STREAMS"] = strings.Join(pairs, ",")
	}
	_, env[markerName], _ = strings.Cut(marker, "=")
	return env
}

// identify replaces what env says about the daemon's user by what there is to say about
// this one.
func (a *account) identify(env map[string]string) {
	delete(env, "USER")
	delete(env, "LOGNAME")
	env["HOME"] = cmp.Or(a.home, "/")
	if a.name != "" {
		env["USER"], env["LOGNAME"] = a.name, a.name
	}
}

// environ lists env as the kernel wants it, in a stable order.
func environ(env map[string]string) []string {
	entries := make([]string, 0, len(env))
	for name, value := range env {
		entries = append(entries, name+"="+value)
	}
	slices.Sort(entries)
	return entries
}

var (
	markerRun  = NewMarkerPrefix() // tells this daemon's instances from another's
	markerLast atomic.Uint64
)

// NewMarkerPrefix is what Options.Marker may begin with: no other program has
// the same.
func NewMarkerPrefix() string { return rand.Text()[:13] }

// newMarker returns the entry of the environment that marks one instance and no other,
// with the mark that is given or a new one. A daemon that is itself an instance
// continues its own mark, so that the outer one recognises all that the inner one
// starts.
func newMarker(mark string) string {
	if mark == "" {
		mark = fmt.Sprintf("%s-%d", markerRun, markerLast.Add(1))
	}
	if outer := os.Getenv(markerName); outer != "" {
		mark = outer + "/" + mark
	}
	return markerName + "=" + mark
}
