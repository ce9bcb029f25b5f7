package httpapi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// unixUser is the user at the other end of a unix socket.
func unixUser(conn *net.UnixConn) (uid int, ok bool) {
	var peer *unix.Ucred
	var failed error
	err := control(conn, func(fd int) {
		peer, failed = unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || failed != nil {
		return 0, false
	}
	return int(peer.Uid), true
}

// tcpEstablished is the state of a connection of which neither end has been
// closed.
const tcpEstablished = 1

// established reports whether the peer has closed neither the connection nor its
// half of it.
func established(conn *net.TCPConn) bool {
	var info *unix.TCPInfo
	var failed error
	err := control(conn, func(fd int) {
		info, failed = unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	return err == nil && failed == nil && info.State == tcpEstablished
}

// hungUp reports whether a connection is broken, or closed by the peer in both
// directions, as far as that is known. On TCP it is when the peer's system has
// answered to something, or has not for long.
func hungUp(conn net.Conn) (gone bool) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	err := control(c, func(fd int) {
		polled := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(polled, 0)
		gone = err == nil && n > 0 && polled[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	})
	return err == nil && gone
}

func control(conn syscall.Conn, do func(fd int)) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { do(int(fd)) })
}

// The request and the answer of sock_diag(7), as linux/inet_diag.h has them.
const (
	diagRequestSize = unix.NLMSG_HDRLEN + 8 + socketIDSize
	diagAnswerSize  = unix.NLMSG_HDRLEN + 4 + socketIDSize + 5*4

	socketIDSize = 2 + 2 + 16 + 16 + 4 + 8
	socketIDName = 2 + 2 + 16 + 16 // of it: both ports and both addresses
)

// socketUser is the owner of this machine's TCP socket that has the address own
// and is connected to other. Only one that is open and connected at both ends
// counts: the kernel says of one that was closed that it is root's.
func socketUser(own, other netip.AddrPort) (uid int, ok bool, err error) {
	uid, _, ok, err = findSocket(own, other)
	return uid, ok, err
}

// isHere reports whether a connection is one of the network namespace of which
// socketUser tells. A listening socket that was handed to this program may be of
// another one, where others have the same addresses.
func isHere(conn *net.TCPConn, local, remote netip.AddrPort) (bool, error) {
	_, inode, ok, err := findSocket(local, remote)
	if !ok {
		return false, err
	}
	var stat unix.Stat_t
	var failed error
	err = control(conn, func(fd int) { failed = unix.Fstat(fd, &stat) })
	return err == nil && failed == nil && stat.Ino == uint64(inode), nil
}

// findSocket finds the socket that has the address own and is connected to other,
// in this program's network namespace.
func findSocket(own, other netip.AddrPort) (uid int, inode uint32, ok bool, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, 0, false, unlessUnsupported(err)
	}
	defer unix.Close(fd)
	request := diagRequest(own, other)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, 0, false, unlessUnsupported(err)
	}
	// The kernel has answered within sendto, so nothing is waited for.
	answer := make([]byte, 512)
	n, from, err := unix.Recvfrom(fd, answer, unix.MSG_DONTWAIT)
	if err != nil {
		return 0, 0, false, unlessUnsupported(err)
	}
	if kernel, ok := from.(*unix.SockaddrNetlink); !ok || kernel.Pid != 0 {
		return 0, 0, false, nil
	}
	uid, inode, ok = diagAnswer(answer[:n], request)
	return uid, inode, ok, nil
}

// unlessUnsupported is err if it is a shortage, which passes. All others mean
// that here the kernel does not tell whose sockets are.
func unlessUnsupported(err error) error {
	for _, shortage := range []error{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOBUFS} {
		if errors.Is(err, shortage) {
			return fmt.Errorf("find out who connects: %w", err)
		}
	}
	return nil
}

func diagRequest(own, other netip.AddrPort) []byte {
	b := make([]byte, 0, diagRequestSize)
	b = binary.NativeEndian.AppendUint32(b, diagRequestSize)
	b = binary.NativeEndian.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST)
	b = append(b, make([]byte, 8)...) // sequence number and sender
	family := byte(unix.AF_INET6)
	if own.Addr().Is4() {
		family = unix.AF_INET
	}
	b = append(b, family, unix.IPPROTO_TCP, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, 1<<tcpEstablished)
	b = binary.BigEndian.AppendUint16(b, own.Port())
	b = binary.BigEndian.AppendUint16(b, other.Port())
	for _, a := range []netip.AddrPort{own, other} {
		var field [16]byte
		copy(field[:], a.Addr().AsSlice())
		b = append(b, field[:]...)
	}
	b = binary.NativeEndian.AppendUint32(b, 0)                       // any interface
	return append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // no cookie
}

// diagAnswer reads the owner and the inode from an answer, if it is one for the
// very socket of the request.
func diagAnswer(b, request []byte) (uid int, inode uint32, ok bool) {
	if len(b) < diagAnswerSize || binary.NativeEndian.Uint16(b[4:]) != unix.SOCK_DIAG_BY_FAMILY {
		return 0, 0, false
	}
	b = b[unix.NLMSG_HDRLEN:]
	state, id := b[1], b[4:4+socketIDSize]
	b = b[4+socketIDSize:]
	owner := binary.NativeEndian.Uint32(b[12:])
	inode = binary.NativeEndian.Uint32(b[16:])
	asked := request[unix.NLMSG_HDRLEN+8:]
	if state != tcpEstablished || inode == 0 || !sameSocket(id, asked) {
		return 0, 0, false
	}
	return int(owner), inode, true
}

// sameSocket compares the ports and addresses of two ids. An IPv6 socket that is
// connected over IPv4 has its addresses in the form of IPv6.
func sameSocket(id, asked []byte) bool {
	if string(id[:socketIDName]) == string(asked[:socketIDName]) {
		return true
	}
	if string(id[:4]) != string(asked[:4]) {
		return false
	}
	for i := 4; i < socketIDName; i += 16 {
		got := netip.AddrFrom16([16]byte(id[i : i+16]))
		want := netip.AddrFrom4([4]byte(asked[i : i+4]))
		if !got.Is4In6() || got.Unmap() != want || string(asked[i+4:i+16]) != strings.Repeat("\x00", 12) {
			return false
		}
	}
	return true
}

// ownUser is the user that this program runs as, or -1 in a user namespace that
// does not know him: then all strangers bear his number.
var ownUser = sync.OnceValue(func() int {
	uid := os.Geteuid()
	overflow, _ := os.ReadFile("/proc/sys/kernel/overflowuid")
	if strings.TrimSpace(string(overflow)) != fmt.Sprint(uid) {
		return uid
	}
	users, err := os.ReadFile("/proc/self/uid_map")
	if fields := strings.Fields(string(users)); err == nil && len(fields) == 3 && fields[0] == "0" && fields[1] == "0" && fields[2] == "4294967295" {
		return uid
	}
	return -1
})
