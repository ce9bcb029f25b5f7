//go:build linux

package keeper

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/process/spawn"
)

// slacker says what its timer slack is, and that of a child.
func slacker() int {
	c := connect()
	own, err := os.ReadFile("/proc/self/timerslack_ns")
	if err != nil {
		say("error %v", err)
		return 1
	}
	say("worker %s", own)
	out, theirs := pipe()
	if _, err := c.Start(1, spawn.Attr{
		Path: "/bin/cat", Args: []string{"cat", "/proc/self/timerslack_ns"}, Files: []int{-1, int(theirs.Fd()), -1},
	}, nil, 0); err != nil {
		say("error %v", err)
		return 1
	}
	text := make([]byte, 100)
	n, _ := out.Read(text)
	say("child %s", text[:n])
	c.Leave(0)
	return 0
}

func TestOnlyWorkersHaveSlack(t *testing.T) {
	t.Parallel()
	own, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := startKeeper(t, "slacker")
	if got := d.expect("worker"); got != strconv.FormatInt(max(int64(workerSlack), int64(own)), 10) {
		t.Errorf("a worker's timer slack is %s ns", got)
	}
	if got := strings.TrimSpace(d.expect("child")); got != strconv.Itoa(own) {
		t.Errorf("a child's timer slack is %s ns, %d was the keeper's", got, own)
	}
	d.exit()
}
