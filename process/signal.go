package process

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxSignal is the kernel's last real-time signal.
const maxSignal = 64

// ParseSignal reads a signal as people write it: a number, or a name in any
// case with or without SIG (15, term, SIGTERM).
func ParseSignal(s string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 1 || n > maxSignal {
			return 0, fmt.Errorf("no signal has the number %d: give 1 to %d or a name such as TERM", n, maxSignal)
		}
		return syscall.Signal(n), nil
	}
	name := strings.ToUpper(s)
	if sig := unix.SignalNum("SIG" + strings.TrimPrefix(name, "SIG")); sig != 0 {
		return sig, nil
	}
	return 0, fmt.Errorf("no signal is called %q: give a name such as TERM or a number from 1 to %d", s, maxSignal)
}

// SignalName is the signal's name without SIG ("TERM"), or its number when it
// has no name.
func SignalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return strconv.Itoa(int(sig))
}
