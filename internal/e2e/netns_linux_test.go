package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// elsewhere is a network namespace that has nothing but a loopback interface.
type elsewhere struct {
	do   chan func()
	done chan struct{}
}

// inside runs something in it.
func (e *elsewhere) inside(do func()) {
	e.do <- do
	<-e.done
}

func newElsewhere(t *testing.T) *elsewhere {
	t.Helper()
	e := &elsewhere{make(chan func()), make(chan struct{})}
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the namespace
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = loopbackUp()
		}
		failed <- err
		for do := range e.do {
			do()
			e.done <- struct{}{}
		}
	}()
	if err := <-failed; err != nil {
		close(e.do)
		t.Skipf("a network namespace cannot be made here: %v", err)
	}
	t.Cleanup(func() { close(e.do) })
	return e
}

// loopbackUp gives this thread's network namespace its own 127.0.0.1.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// dialLocal connects one port of 127.0.0.1 to another; 0 is any.
func dialLocal(from, to int) (*net.TCPConn, error) {
	return net.DialTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: from}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: to})
}

// ask sends a request over a connection and returns the status of the answer.
func ask(t *testing.T, conn net.Conn) int {
	t.Helper()
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(limit))
	fmt.Fprint(conn, "GET /processes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestSocketFromElsewhere gives the daemon a socket on the loopback address of
// another network namespace, of which nobody can tell who connects to it: also
// not when root has the same ports connected here.
func TestSocketFromElsewhere(t *testing.T) {
	there := newElsewhere(t)
	var listener net.Listener
	var err error
	there.inside(func() { listener, err = net.Listen("tcp4", "127.0.0.1:0") })
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	d := startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh"}, cmd.Args...)
		cmd.Path = "/bin/sh"
		cmd.Env = append(cmd.Env, "LISTEN_FDS=1")
		cmd.ExtraFiles = []*os.File{socket}
	})
	port := listener.Addr().(*net.TCPAddr).Port
	from := func(port, to int) net.Conn {
		t.Helper()
		var conn *net.TCPConn
		there.inside(func() { conn, err = dialLocal(port, to) })
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	if status := ask(t, from(0, port)); status != 401 {
		t.Errorf("from another network namespace: %d, want 401", status)
	}
	// The same two ports, connected here, by somebody who might come in.
	twin, err := net.Listen("tcp4", fmt.Sprint("127.0.0.1:", port))
	if err != nil {
		t.Fatal(err)
	}
	defer twin.Close()
	here, err := dialLocal(0, port)
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	if status := ask(t, from(here.LocalAddr().(*net.TCPAddr).Port, port)); status != 401 {
		t.Errorf("from the ports of a connection of root's: %d, want 401", status)
	}
	d.alive()
}
