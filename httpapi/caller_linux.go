package httpapi

import (
	"net"
	"strconv"

	"golang.org/x/sys/unix"
)

// peerUser is the user at the other end of a unix socket.
func peerUser(conn *net.UnixConn) (string, bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return "", false
	}
	var peer *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || failed != nil {
		return "", false
	}
	return "uid " + strconv.FormatUint(uint64(peer.Uid), 10), true
}
