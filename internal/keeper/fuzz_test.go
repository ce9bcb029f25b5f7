//go:build linux

package keeper

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/process/spawn"
)

// FuzzDecode reads what a program is to be started with, as a keeper does.
func FuzzDecode(f *testing.F) {
	f.Add(encode(nil, &spawn.Attr{
		Path: "/bin/sh", Args: []string{"sh"}, Env: []string{"A=b"}, Files: []int{-1, 5, 6},
		Cgroup: spawn.To(4), Setsid: true, Umask: spawn.To(0o22), SetUser: true, UID: 1, GID: 2, Groups: []uint32{3},
	}))
	f.Add([]byte{tagArg, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		fd := 10
		a, err := decode(data, func() (int, error) { fd++; return fd, nil }, -1)
		if err != nil {
			return
		}
		fd = 10
		again, err := decode(encode(nil, &a), func() (int, error) { fd++; return fd, nil }, -1)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(encode(nil, &again), encode(nil, &a)) {
			t.Errorf("%+v is read back as %+v", a, again)
		}
	})
}

// FuzzReceive sends datagrams that no link would.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	f.Add(make([]byte, headerSize), uint8(1))
	f.Add(make([]byte, headerSize+maxData+1), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, files uint8) {
		ours, theirs, err := socketPair()
		if err != nil {
			t.Fatal(err)
		}
		l, err := newLink(ours)
		if err != nil {
			t.Fatal(err)
		}
		defer l.close()
		fds := make([]int, files)
		for i := range fds {
			fds[i] = theirs
		}
		if err := unix.Sendmsg(theirs, data, unix.UnixRights(fds...), nil, 0); err != nil {
			unix.Close(theirs)
			return
		}
		unix.Close(theirs)
		m, err := l.receive()
		if err != nil {
			return
		}
		defer m.close()
		if cut := int(files) > maxFiles; m.short != cut {
			t.Errorf("of %d files arrived %d, and whether some are missing is said to be %v", files, len(m.files), m.short)
		}
		if len(m.files) != min(int(files), maxFiles) || !bytes.Equal(m.data, data[headerSize:]) {
			t.Errorf("of %d bytes and %d files arrived %d and %d", len(data)-headerSize, files, len(m.data), len(m.files))
		}
	})
}
