package main

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/httpapi"
	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/internal/systemd"
)

// listener is one address that the daemon listens on.
type listener struct {
	net.Listener
	url   string // as gafferctl --connect takes it
	plain net.Listener
	kept  string // its name with the keeper; "" for one that is systemd's
}

// reachable is a URL by which this machine reaches the listener: the addresses
// that stand for every interface are no host that a client may call.
func (l listener) reachable() string {
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok || !addr.IP.IsUnspecified() {
		return l.url
	}
	return strings.Replace(l.url, addr.String(), net.JoinHostPort("localhost", strconv.Itoa(addr.Port)), 1)
}

// listenAll opens every address of every endpoint, or none of them. What systemd
// has opened for an endpoint takes the place of its addresses. Those that an
// earlier worker has opened are taken over.
func listenAll(cfg *config.Config, sockets []systemd.Socket, w *worker, log *slog.Logger) (opened []listener, err error) {
	defer func() {
		if err != nil {
			closeAll(opened)
		}
	}()
	given, err := assign(cfg.Endpoints, sockets)
	if err != nil {
		return nil, err
	}
	for i, e := range cfg.Endpoints {
		secure, err := tlsConfig(e, log)
		if err != nil && w.takesOver() {
			log.Error("nobody gets in by TLS until the certificate is good again", "error", err)
		} else if err != nil {
			return opened, err
		}
		for _, s := range given[i] {
			l, err := adopt(s, e.Backlog)
			if err != nil {
				return opened, err
			}
			opened = append(opened, front(l, secure))
			if err := demandAccess(l, e, cfg.Settings); err != nil {
				return opened, err
			}
		}
		if len(given[i]) > 0 {
			continue
		}
		for j, a := range e.Bind {
			name := fmt.Sprintf("%d.%d", i, j)
			l, err := w.listener(name)
			if l == nil && err == nil {
				l, err = listen(a, e)
			}
			if err != nil {
				return opened, err
			}
			opened = append(opened, front(l, secure))
			if err := demandAccess(l, e, cfg.Settings); err != nil {
				return opened, err
			}
			opened[len(opened)-1].kept = name
			if err := w.holdListener(name, l); err != nil {
				return opened, err
			}
		}
	}
	return opened, nil
}

// front is how clients meet a socket. secure is nil for no TLS.
func front(l net.Listener, secure *tls.Config) listener {
	addr := l.Addr().String()
	switch {
	case l.Addr().Network() == "unix":
		// Its file's mode is its lock: TLS would add nothing.
		return listener{Listener: l, url: "unix://" + addr, plain: l}
	case secure != nil:
		return listener{Listener: httpapi.TLSListener(l, secure), url: "https://" + addr, plain: l}
	default:
		return listener{Listener: l, url: "http://" + addr, plain: l}
	}
}

func closeAll(ls []listener) {
	for _, l := range ls {
		l.Close() // closing it twice is an error that means nothing
	}
}

// keepFiles says whether the files of unix sockets stay when their listeners are
// closed, for another worker to go on with. systemd's stay in any case.
func keepFiles(ls []listener, stay bool) {
	for _, l := range ls {
		if u, ok := l.plain.(*net.UnixListener); ok && l.kept != "" {
			u.SetUnlinkOnClose(!stay)
		}
	}
}

// served are the listeners as a server takes them.
func served(ls []listener) []net.Listener {
	out := make([]net.Listener, len(ls))
	for i, l := range ls {
		out[i] = l.Listener
	}
	return out
}

// listen listens on one address of an endpoint.
func listen(a config.Address, e config.Endpoint) (l net.Listener, err error) {
	if a.Network == "unix" {
		l, err = listenUnix(a.Address, cmp.Or(e.Mode, ownersOnly))
	} else {
		l, err = net.Listen(family(a.Address), a.Address)
	}
	if err != nil {
		return nil, explain(a, err)
	}
	if err := bound(l, e.Backlog); err != nil {
		l.Close()
		return nil, fmt.Errorf("listen on %s: %w", a, err)
	}
	return l, nil
}

// family is the network to listen in: whoever writes an address of IPv4 does not
// mean IPv6, which net would listen on as well for 0.0.0.0.
func family(address string) string {
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().Is4() {
		return "tcp4"
	}
	return "tcp"
}

// ownersOnly is the mode of a socket to which only this user may connect.
const ownersOnly = 0o600

// listenUnix listens on a socket of that mode. It replaces a socket that nobody
// listens on any more.
func listenUnix(path string, mode int) (net.Listener, error) {
	// Between finding a socket dead and replacing it, nobody else may do the
	// same: the folder's lock leaves nothing behind, as a lock file would.
	folder, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	if err := removeStale(path); err != nil {
		return nil, err
	}
	// The mode must be right from the first moment on. The mask is the whole
	// process's, but no other thread makes files yet.
	defer unix.Umask(unix.Umask(^mode & 0o777))
	return net.Listen("unix", path)
}

// lockFolder takes the lock of a folder, which closing the folder gives back.
// It waits for no longer than two daemons that start at once take, by asking again
// and again: flock(2) knows no deadline. Then it goes on without: whoever may read the
// folder can have the lock for as long as he likes, and only a daemon that starts
// together with another one needs it.
func lockFolder(path string) (*os.File, error) {
	folder, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(3 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		taken := errors.Is(err, unix.EWOULDBLOCK)
		switch {
		case err == nil, taken && time.Now().After(end):
			return folder, nil
		case !taken:
			folder.Close()
			return nil, fmt.Errorf("lock the folder %s: %w", path, err)
		}
	}
}

// errAlive means that a socket has a listener.
var errAlive = errors.New("another program listens there")

// removeStale removes a socket that nobody listens on. Anything else it leaves.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there and is no socket", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return errAlive
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// explain says what can be done about an address that cannot be had.
func explain(a config.Address, err error) error {
	advice := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, errAlive):
		return fmt.Errorf("cannot listen on %s: address already in use by another program, perhaps another gafferd: stop it, or choose another address with --bind", a)
	case errors.Is(err, syscall.EACCES) && a.Network == "tcp":
		advice = ": ports below 1024 are the administrator's; choose another with --bind"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = ": this machine has no such address"
	case errors.Is(err, syscall.EINVAL) && a.Network == "unix":
		advice = ": the path of a socket has about 100 characters at most"
	}
	return fmt.Errorf("cannot listen on %s: %w%s", a, err, advice)
}

// bound bounds the queue of connections that wait to be accepted; 0 leaves it as
// it is. Go always asks for the most; listening again on the same socket
// changes it.
func bound(l net.Listener, backlog int) error {
	if backlog == 0 {
		return nil
	}
	conn, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = unix.Listen(int(fd), backlog) }); err != nil {
		return err
	}
	if failed != nil {
		return fmt.Errorf("set the backlog to %d: %w", backlog, failed)
	}
	return nil
}

// beyondThisMachine reports whether others than this machine can connect.
func beyondThisMachine(l net.Listener) bool {
	addr, ok := l.Addr().(*net.TCPAddr)
	return ok && !addr.IP.IsLoopback()
}
