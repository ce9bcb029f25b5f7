package httpapi

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user who is neither root nor, in these tests, the server's.
const nobody = 65534

func init() { children["stranger"] = stranger }

// stranger is a program of another user: it connects, sends its input, and ends
// at once or when it has read the answer.
func stranger() {
	must := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	must(syscall.Setgroups(nil))
	must(syscall.Setgid(nobody))
	must(syscall.Setuid(nobody))
	conn, err := net.Dial(os.Getenv("TEST_NETWORK"), os.Getenv("TEST_ADDRESS"))
	must(err)
	if os.Getenv("TEST_TEXT") == "leave" {
		_, err = io.Copy(conn, os.Stdin)
		must(err)
		os.Exit(0)
	}
	go io.Copy(conn, os.Stdin)
	_, err = io.Copy(os.Stdout, conn)
	must(err)
}

// asNobody has another user send text, and returns what he is answered, unless he
// leaves before.
func asNobody(t *testing.T, network, address, text string, leave bool) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_CHILD=stranger", "TEST_NETWORK="+network, "TEST_ADDRESS="+address)
	if leave {
		cmd.Env = append(cmd.Env, "TEST_TEXT=leave")
	}
	cmd.Stdin = strings.NewReader(text)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the other user: %v %s", err, stderr.Bytes())
	}
	return string(out)
}

// accepted is a connection to a listener, as the listener has it.
func accepted(t *testing.T, network, address string, connect func(net.Addr)) *peer {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Skip(err) // no IPv6, perhaps
	}
	t.Cleanup(func() { l.Close() })
	if network == "unix" {
		if err := os.Chmod(address, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	go connect(l.Addr())
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return peerOf(conn)
}

// dial connects and stays connected until the test ends.
func dial(t *testing.T, network string) func(net.Addr) {
	return func(a net.Addr) {
		conn, err := net.Dial(network, a.String())
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { conn.Close() })
	}
}

func TestPeerUser(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	for _, c := range []struct{ name, network, address, by string }{
		{"unix", "unix", socket, "unix"},
		{"IPv4", "tcp", "127.0.0.1:0", "tcp"},
		{"another loopback address", "tcp", "127.3.2.1:0", "tcp"},
		{"IPv6", "tcp", "[::1]:0", "tcp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := accepted(t, c.network, c.address, dial(t, c.by))
			if uid, ok, err := p.user(); !ok || uid != os.Getuid() || err != nil {
				t.Errorf("uid %d, %v, %v", uid, ok, err)
			}
			if want := userKey(os.Getuid()); p.key() != want {
				t.Errorf("key %q, want %q", p.key(), want)
			}
		})
	}
}

// A listener for both kinds of addresses sees IPv4 in the form of IPv6, whether
// the other socket is of the one kind or the other.
func TestPeerUserOfMappedAddresses(t *testing.T) {
	for _, network := range []string{"tcp4", "tcp6"} {
		t.Run(network, func(t *testing.T) {
			p := accepted(t, "tcp", "[::]:0", func(a net.Addr) {
				port := a.(*net.TCPAddr).Port
				address := &syscall.SockaddrInet6{Port: port, Addr: netip.MustParseAddr("::ffff:127.0.0.1").As16()}
				if network == "tcp4" {
					dial(t, network)(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
					return
				}
				fd, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
				if err == nil {
					t.Cleanup(func() { syscall.Close(fd) })
					err = syscall.Connect(fd, address)
				}
				if err != nil {
					t.Error(err)
				}
			})
			if uid, ok, err := p.user(); !ok || uid != os.Getuid() || err != nil {
				t.Errorf("uid %d, %v, %v", uid, ok, err)
			}
		})
	}
}

// Of a socket that was closed the kernel says that it is root's.
func TestPeerUserOfClosedConnection(t *testing.T) {
	for _, half := range []bool{false, true} {
		gone := make(chan struct{})
		p := accepted(t, "tcp", "127.0.0.1:0", func(a net.Addr) {
			defer close(gone)
			conn, err := net.Dial("tcp", a.String())
			if err != nil {
				t.Error(err)
				return
			}
			if half {
				t.Cleanup(func() { conn.Close() })
				conn.(*net.TCPConn).CloseWrite()
				return
			}
			conn.Close()
		})
		<-gone
		if uid, ok, err := p.user(); ok || err != nil {
			t.Errorf("half %v: uid %d, %v", half, uid, err)
		}
		if p.key() != "127.0.0.1" {
			t.Errorf("key %q", p.key())
		}
	}
}

// Whose a connection was when it was accepted it is still when its peer has gone.
func TestPeerUserOfConnectionThatWasOpen(t *testing.T) {
	leave := make(chan struct{})
	gone := make(chan struct{})
	p := accepted(t, "tcp", "127.0.0.1:0", func(a net.Addr) {
		defer close(gone)
		conn, err := net.Dial("tcp", a.String())
		if err != nil {
			t.Error(err)
			return
		}
		<-leave
		conn.Close()
	})
	if want := userKey(os.Getuid()); p.key() != want {
		t.Errorf("key %q, want %q", p.key(), want)
	}
	close(leave)
	<-gone
	if uid, ok, err := p.user(); !ok || uid != os.Getuid() || err != nil {
		t.Errorf("uid %d, %v, %v", uid, ok, err)
	}
}

func TestPeerUserIsAnother(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		address := "127.0.0.1:0"
		if network == "unix" {
			folder, err := os.MkdirTemp("", "gaffer") // t.TempDir is this user's alone
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(folder)
			if err := os.Chmod(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			address = filepath.Join(folder, "s")
		}
		done := make(chan struct{})
		p := accepted(t, network, address, func(a net.Addr) {
			defer close(done)
			asNobody(t, network, a.String(), "", false)
		})
		if uid, ok, err := p.user(); !ok || uid != nobody || err != nil {
			t.Errorf("%s: uid %d, %v, %v", network, uid, ok, err)
		}
		p.conn.Close()
		<-done
	}
}
