package client_test

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails the run when a goroutine is left over: every one belongs to a
// call, and every call has returned.
func TestMain(m *testing.M) {
	before, _ := goroutines()
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	n, stacks := goroutines()
	for deadline := time.Now().Add(5 * time.Second); n > before && time.Now().Before(deadline); n, stacks = goroutines() {
		runtime.Gosched()
	}
	if code == 0 && n > before {
		fmt.Fprintf(os.Stderr, "%d goroutines are left over:\n%s", n-before, stacks)
		code = 1
	}
	os.Exit(code)
}

// goroutines are all but those that package spawn keeps for the next child, of
// which there are a few at most, and the one that brings signals, which stays
// once something asked for them: testing does, while it fuzzes.
func goroutines() (n int, stacks string) {
	buf := make([]byte, 1<<20)
	stacks = string(buf[:runtime.Stack(buf, true)])
	kept := strings.Count(stacks, "created by github.com/gafferd/gaffer/process/spawn.newThread") +
		strings.Count(stacks, "created by os/signal.Notify")
	return strings.Count(stacks, "goroutine ") - strings.Count(stacks, "in goroutine ") - kept, stacks
}
