package systemd

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// children are what the test binary does when it is started as one of them:
// what these functions read is the process's own environment and descriptors.
var children = map[string]func(){
	"sockets":  printSockets,
	"notifier": printNotifier,
}

func TestMain(m *testing.M) {
	if child := children[os.Getenv("TEST_CHILD")]; child != nil {
		child()
		os.Exit(0)
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the programs that the tests run end at once
	os.Exit(m.Run())
}

// printSockets prints what it was given, and what a second look and a child
// would see of it.
func printSockets() {
	sockets, err := Sockets()
	if err != nil {
		fmt.Println("error:", err)
	}
	for _, s := range sockets {
		fmt.Printf("%q %d\n", s.Name, s.File.Fd())
	}
	if again, err := Sockets(); len(again) > 0 || err != nil {
		fmt.Println("again:", again, err)
	}
	printLeft()
	out, err := exec.Command("sh", "-c", "ls -l /proc/$$/fd | grep socket").Output()
	if err == nil {
		fmt.Printf("a child has %s\n", out)
	}
}

func printNotifier() {
	n, err := NewNotifier()
	if err != nil {
		fmt.Println("error:", err)
	}
	fmt.Println(n.socket, n.watchdog)
	printLeft()
}

func printLeft() {
	for _, entry := range os.Environ() {
		if strings.HasPrefix(entry, "LISTEN_") || strings.HasPrefix(entry, "WATCHDOG_") || strings.HasPrefix(entry, "NOTIFY_") {
			fmt.Println("left:", entry)
		}
	}
}

// child runs one of the children with variables in its environment, in which
// $$ is its own process id, and returns what it prints.
func child(t *testing.T, name string, files []*os.File, env ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The shell becomes the child, so that the child's pid is known before it
	// starts, as systemd knows it.
	cmd := exec.Command("sh", "-c", "exec env TEST_CHILD="+name+" "+strings.Join(env, " ")+" "+self)
	cmd.ExtraFiles = files
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	return string(out)
}
