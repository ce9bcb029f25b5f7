package systemd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// opened are a listening TCP and a listening unix socket.
func opened(t *testing.T) []*os.File {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	local, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	files := make([]*os.File, 2)
	for i, l := range []net.Listener{tcp, local} {
		t.Cleanup(func() { l.Close() })
		if files[i], err = l.(interface{ File() (*os.File, error) }).File(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { files[i].Close() })
	}
	return files
}

func TestSockets(t *testing.T) {
	files := opened(t)
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"LISTEN_FDS=2", "LISTEN_PID=$$", "LISTEN_FDNAMES=public:local"}, "\"public\" 3\n\"local\" 4\n"},
		{[]string{"LISTEN_FDS=2", "LISTEN_PID=$$", "LISTEN_PIDFDID=7"}, "\"\" 3\n\"\" 4\n"},
		{[]string{"LISTEN_FDS=2", "LISTEN_PID=$$", "LISTEN_FDNAMES=public"}, "\"public\" 3\n\"\" 4\n"},
		{[]string{"LISTEN_FDS=0", "LISTEN_PID=$$"}, ""},
		{[]string{"LISTEN_FDS=2", "LISTEN_PID=1"}, ""}, // the parent's, who forgot them
		{[]string{"LISTEN_FDS=2"}, ""},
		{nil, ""},
		{[]string{"LISTEN_FDS=x", "LISTEN_PID=$$"}, "error: LISTEN_FDS=x is not a number of sockets\n"},
		{[]string{"LISTEN_FDS=-1", "LISTEN_PID=$$"}, "error: LISTEN_FDS=-1 is not a number of sockets\n"},
	} {
		got := child(t, "sockets", files, c.env...)
		if given := strings.Contains(c.want, "3"); !given {
			got, _, _ = strings.Cut(got, "a child has") // they are not ours, nor is what becomes of them
		}
		if got != c.want {
			t.Errorf("%v:\n%s--- want:\n%s", c.env, got, c.want)
		}
	}
}

func TestWrongSockets(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	datagram, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	files := append(opened(t), file)
	for _, fd := range []int{pair[0], pair[1], datagram} {
		f := os.NewFile(uintptr(fd), "")
		defer f.Close()
		files = append(files, f)
	}
	got := child(t, "sockets", files, fmt.Sprintf("LISTEN_FDS=%d", len(files)), "LISTEN_PID=$$", "LISTEN_FDNAMES=a:b:file:pair:pair")
	for _, want := range []string{
		"descriptor 5 from systemd (file): no socket",
		"descriptor 6 from systemd (pair): not listening",
		"descriptor 8 from systemd (without a name): not a stream socket",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "descriptor 3") {
		t.Errorf("a good socket is complained about:\n%s", got)
	}
}
