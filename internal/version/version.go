// Package version says which build of gaffer this is.
package version

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is set by the linker: -X github.com/gafferd/gaffer/internal/version.release=1.0.0
var release string

// Version is the release that was built, the module's version when somebody
// ran `go install …@version`, and "dev" otherwise.
func Version() string {
	module := ""
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		module = info.Main.Version
	}
	return cmp.Or(release, module, "dev")
}

// Commit is the revision it was built from, with "+" behind it when the tree had
// changes; empty when the build did not look.
func Commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + changed
}

// Line is what --version prints about a program.
func Line(program string) string {
	return fmt.Sprintf("%s %s (commit %s, %s)\n", program, Version(), cmp.Or(Commit(), "unknown"), runtime.Version())
}
