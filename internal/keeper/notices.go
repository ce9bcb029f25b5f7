//go:build linux

package keeper

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// notices go to the service manager (sd_notify(3)), which hears the keeper
// alone, for the keeper is the service's main process.
type notices struct {
	to    *net.UnixConn
	every time.Duration // between two signs of life; 0: none are wanted
	at    time.Time     // of the next
}

// openNotices is nil where nobody wants to hear anything. The watchdog may be meant for
// another process.
func openNotices(socket, watchdog, fedBy string) *notices {
	if socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		fmt.Fprintf(os.Stderr, "gafferd: keeper: NOTIFY_SOCKET: %v\n", err)
		return nil
	}
	n := &notices{to: conn}
	ours := fedBy == "" || fedBy == strconv.Itoa(os.Getpid())
	if usec, err := strconv.ParseInt(watchdog, 10, 64); err == nil && usec > 0 && ours {
		n.every = time.Duration(usec) * time.Microsecond / 2
		n.at = time.Now()
	}
	return n
}

// send sends a notice. One that is not taken at once is lost, as nobody waits
// for the answer to any.
func (n *notices) send(text []byte) {
	if n == nil {
		return
	}
	n.to.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	n.to.Write(text)
}

// alive is the sign of life.
func (n *notices) alive(now time.Time) {
	n.send([]byte("WATCHDOG=1"))
	n.at = now.Add(n.every)
}

// takeSockets keeps the sockets that the service manager has opened
// (sd_listen_fds(3)), each as an item, for the worker. Their names, which are
// text from outside, are left to it in LISTEN_FDNAMES.
func (k *keeper) takeSockets() {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil {
		return
	}
	for fd := 3; fd < 3+n; fd++ {
		unix.CloseOnExec(fd)
		k.hold(Sockets+strconv.Itoa(fd-3), []int{fd})
	}
}
