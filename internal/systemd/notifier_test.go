package systemd

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// receiver is where systemd would listen.
type receiver struct {
	t    *testing.T
	conn *net.UnixConn
}

func listen(t *testing.T, name string) *receiver {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &receiver{t, conn}
}

// next is the next message; it fails the test when none comes.
func (r *receiver) next() string {
	r.t.Helper()
	r.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	buf := make([]byte, 4096)
	n, err := r.conn.Read(buf)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(buf[:n])
}

func TestMessages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	for _, name := range []string{path, "@gaffer-test-" + filepath.Base(filepath.Dir(path))} {
		r := listen(t, name)
		n := &Notifier{socket: name}
		for _, c := range []struct {
			send func() error
			want string
		}{
			{func() error { return n.Ready("2 processes\nSTOPPING=1") }, `^READY=1\nSTATUS=2 processes STOPPING=1$`},
			{n.Reloading, `^RELOADING=1\nMONOTONIC_USEC=\d+$`},
			{func() error { return n.Status("busy") }, `^STATUS=busy$`},
			{func() error { return n.Stopping("bye", 0) }, `^STOPPING=1\nSTATUS=bye$`},
			{func() error { return n.Stopping("bye", 90*time.Second) }, `^STOPPING=1\nSTATUS=bye\nEXTEND_TIMEOUT_USEC=90000000$`},
		} {
			if err := c.send(); err != nil {
				t.Fatal(err)
			}
			if got := r.next(); !regexp.MustCompile(c.want).MatchString(got) {
				t.Errorf("got %q, want %s", got, c.want)
			}
		}
	}
}

func TestNobodyListens(t *testing.T) {
	nobody := &Notifier{}
	if err := nobody.Feed(t.Context(), func() { t.Error("asked whether all is well, for nobody") }); err != nil {
		t.Error(err)
	}
	for _, err := range []error{nobody.Ready(""), nobody.Reloading(), nobody.Stopping("", 0), nobody.Status("")} {
		if err != nil {
			t.Error(err)
		}
	}
	gone := &Notifier{socket: filepath.Join(t.TempDir(), "gone")}
	if err := gone.Ready(""); err == nil || !strings.Contains(err.Error(), "tell systemd READY=1") {
		t.Errorf("with a socket that is not there: %v", err)
	}
}

// TestReceiverThatTakesNothing holds that telling ends even so.
func TestReceiverThatTakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	listen(t, path)
	n := &Notifier{socket: path}
	for range 100_000 { // more than any queue of datagrams holds
		if err := n.Status("x"); err != nil {
			if !strings.Contains(err.Error(), "takes no message") {
				t.Error(err)
			}
			return
		}
	}
	t.Skip("this kernel's queue is endless")
}

func TestNewNotifier(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{
		{nil, " 0s\n"},
		{[]string{"NOTIFY_SOCKET=/n"}, "/n 0s\n"},
		{[]string{"NOTIFY_SOCKET=@n", "WATCHDOG_USEC=3000000"}, "@n 3s\n"},
		{[]string{"NOTIFY_SOCKET=/n", "WATCHDOG_USEC=3000000", "WATCHDOG_PID=$$"}, "/n 3s\n"},
		{[]string{"NOTIFY_SOCKET=/n", "WATCHDOG_USEC=3000000", "WATCHDOG_PID=1"}, "/n 0s\n"},
		{[]string{"WATCHDOG_USEC=3000000"}, " 0s\n"},
		{[]string{"NOTIFY_SOCKET=/n", "WATCHDOG_USEC=soon"}, "error: WATCHDOG_USEC=soon is not a time: the watchdog is not fed\n/n 0s\n"},
		{[]string{"NOTIFY_SOCKET=vsock:2:1"}, "error: NOTIFY_SOCKET=vsock:2:1 is no unix socket: systemd is not told how gafferd is doing\n 0s\n"},
	} {
		if got := child(t, "notifier", nil, c.env...); got != c.want {
			t.Errorf("%v: got %q, want %q", c.env, got, c.want)
		}
	}
}

// TestFeed holds how often all must be well, and that what hangs is not fed.
func TestFeed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	r := listen(t, path)
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var asked []time.Duration
		ctx, cancel := context.WithCancel(t.Context())
		hang := make(chan struct{})
		fed := make(chan error)
		n := &Notifier{socket: path, watchdog: 10 * time.Second}
		go func() {
			fed <- n.Feed(ctx, func() {
				asked = append(asked, time.Since(begun))
				if len(asked) == 4 {
					<-hang
				}
			})
		}()
		time.Sleep(time.Minute)
		synctest.Wait()
		want := []time.Duration{0, 5 * time.Second, 10 * time.Second, 15 * time.Second}
		if !slices.Equal(asked, want) {
			t.Errorf("asked at %v, want %v", asked, want)
		}
		close(hang)
		cancel()
		if err := <-fed; err != nil {
			t.Error(err)
		}
	})
	for range 4 {
		if got := r.next(); got != "WATCHDOG=1" {
			t.Errorf("got %q", got)
		}
	}
	r.conn.SetReadDeadline(time.Now())
	if n, err := r.conn.Read(make([]byte, 99)); !os.IsTimeout(err) {
		t.Errorf("a fifth message of %d bytes, %v", n, err)
	}
}
