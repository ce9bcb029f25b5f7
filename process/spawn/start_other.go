//go:build !linux

package spawn

import "errors"

// ResourceNumber knows no limits here.
func ResourceNumber(string) (int, bool) { return 0, false }

// Start fails: programs can be started on Linux only.
func Start(Attr) (pid, pidfd int, err error) {
	return 0, -1, errors.New("processes can be started on Linux only")
}

// StartTelling fails like Start.
func StartTelling(a Attr, _ func(pid, pidfd int)) (pid, pidfd int, err error) { return Start(a) }
