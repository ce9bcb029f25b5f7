package cmdline_test

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/gafferd/gaffer/internal/cmdline"
)

func TestUnreachable(t *testing.T) {
	for _, c := range []struct {
		err           error
		address, want string
	}{
		{syscall.ENOENT, "unix:/run/g.sock", "cannot reach gafferd at unix:/run/g.sock: there is no such file: start it with gafferd --bind unix:/run/g.sock, or name another address with --to"},
		{syscall.ECONNREFUSED, "unix:///run/g.sock", "cannot reach gafferd at unix:///run/g.sock: connection refused, nobody listens on that socket: start it with gafferd --bind unix:/run/g.sock, or name another address with --to"},
		{syscall.ECONNREFUSED, "http://host:1", "cannot reach gafferd at http://host:1: connection refused, nobody listens there: start it with gafferd, or name another address with --to"},
		{os.ErrPermission, "unix:/run/g.sock", "cannot reach gafferd at unix:/run/g.sock: permission denied: be the user that gafferd runs as, or have the mode of its endpoint let you in"},
		{os.ErrPermission, "http://host:1", ""},
		{errors.New("no route"), "http://host:1", ""},
	} {
		if got := cmdline.Unreachable(fmt.Errorf("dial: %w", c.err), c.address, "--to"); got != c.want {
			t.Errorf("%v at %s: got %q, want %q", c.err, c.address, got, c.want)
		}
	}
}
