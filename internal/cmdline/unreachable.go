package cmdline

import (
	"errors"
	"os"
	"strings"
	"syscall"
)

// Unreachable says why no connection to the daemon at an address could be made,
// and what to do about it: flag is what names another address. It is empty for
// reasons that speak for themselves.
func Unreachable(err error, address, flag string) string {
	start := "start it with gafferd"
	socket, isSocket := strings.CutPrefix(address, "unix:")
	if isSocket {
		socket = strings.TrimPrefix(socket, "//")
		start += " --bind unix:" + socket
	}
	start += ", or name another address with " + flag
	begin := "cannot reach gafferd at " + address + ": "
	switch {
	case errors.Is(err, os.ErrNotExist):
		return begin + "there is no such file: " + start
	case errors.Is(err, syscall.ECONNREFUSED) && isSocket:
		return begin + "connection refused, nobody listens on that socket: " + start
	case errors.Is(err, syscall.ECONNREFUSED):
		return begin + "connection refused, nobody listens there: " + start
	case errors.Is(err, os.ErrPermission) && isSocket:
		return begin + "permission denied: be the user that gafferd runs as, or have the mode of its endpoint let you in"
	}
	return ""
}
