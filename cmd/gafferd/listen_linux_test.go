package main

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/internal/config"
)

func TestBacklog(t *testing.T) {
	l, err := listen(config.Address{Network: "tcp", Address: "127.0.0.1:0"}, config.Endpoint{Backlog: 7})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = conn.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			t.Error(err)
		} else if info.Sacked != 7 { // where the kernel tells a listening socket's backlog
			t.Errorf("backlog is %d, want 7", info.Sacked)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
