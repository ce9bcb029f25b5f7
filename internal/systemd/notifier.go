package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sendTime bounds how long a message may wait for systemd to take it.
const sendTime = time.Second

// Notifier tells systemd how this process is doing. Its zero value has nobody
// to tell, and then all methods do nothing. It is safe for concurrent use.
type Notifier struct {
	socket   string        // empty: nobody listens
	watchdog time.Duration // within which systemd wants to hear that all is well; 0: it does not

	by func(text string) error // sends in this process's place; nil: it does so itself
}

// NewNotifier finds out who wants to be told. It can be done once: what tells
// of it is gone from the environment then.
func NewNotifier() (*Notifier, error) {
	socket, usec, pid := take("NOTIFY_SOCKET"), take("WATCHDOG_USEC"), take("WATCHDOG_PID")
	if socket == "" {
		return &Notifier{}, nil
	}
	if socket[0] != '/' && socket[0] != '@' {
		return &Notifier{}, fmt.Errorf("NOTIFY_SOCKET=%s is no unix socket: systemd is not told how gafferd is doing", socket)
	}
	n := &Notifier{socket: socket}
	if usec == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return n, nil // no watchdog, or one over another process
	}
	us, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || us <= 0 || us > int64(time.Hour/time.Microsecond)*24*365 {
		return n, fmt.Errorf("WATCHDOG_USEC=%s is not a time: the watchdog is not fed", usec)
	}
	n.watchdog = time.Duration(us) * time.Microsecond
	return n, nil
}

// SendBy has what is told sent by another process, the one that systemd listens
// to, and the watchdog left to that one. It comes before anything is told.
func (n *Notifier) SendBy(send func(text string) error) { n.by, n.watchdog = send, 0 }

// Heard reports whether there is anybody to tell.
func (n *Notifier) Heard() bool { return n.socket != "" }

// Ready tells that starting, or reloading, is over.
func (n *Notifier) Ready(status string) error {
	return n.send("READY=1", "STATUS="+oneLine(status))
}

// Reloading tells that the configuration is being read again. Ready has to
// follow, also when that failed.
func (n *Notifier) Reloading() error {
	if n.socket == "" {
		return nil
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return err
	}
	return n.send("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(now.Nano()/1000, 10))
}

// Stopping tells that the end has begun and may take as long as it says; 0
// leaves that to the unit.
func (n *Notifier) Stopping(status string, atMost time.Duration) error {
	lines := []string{"STOPPING=1", "STATUS=" + oneLine(status)}
	if atMost > 0 {
		lines = append(lines, "EXTEND_TIMEOUT_USEC="+strconv.FormatInt(atMost.Microseconds(), 10))
	}
	return n.send(lines...)
}

// Status is what systemctl status shows.
func (n *Notifier) Status(text string) error { return n.send("STATUS=" + oneLine(text)) }

// Feed keeps the watchdog from biting until ctx ends: it calls well twice in
// the time that systemd gives, and reports each return. A well that does not
// return is what a watchdog is for. Without one Feed returns at once.
//
// A report that cannot be sent is tried again the next time, and the last
// failure is returned at the end.
func (n *Notifier) Feed(ctx context.Context, well func()) error {
	if n.watchdog == 0 {
		return nil
	}
	tick := time.NewTicker(n.watchdog / 2)
	defer tick.Stop()
	for {
		well()
		err := n.send("WATCHDOG=1")
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// send sends one message. systemd knows its sender by the process that the
// socket belongs to.
func (n *Notifier) send(lines ...string) error {
	if n.socket == "" {
		return nil
	}
	if n.by != nil {
		return n.by(strings.Join(lines, "\n"))
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err == nil {
		defer conn.Close()
		conn.SetWriteDeadline(time.Now().Add(sendTime))
		_, err = conn.Write([]byte(strings.Join(lines, "\n")))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errors.New("it takes no message")
	}
	if err != nil {
		return fmt.Errorf("tell systemd %s: %w", lines[0], err)
	}
	return nil
}

// oneLine is text that cannot be taken for more than one line of a message.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
}
