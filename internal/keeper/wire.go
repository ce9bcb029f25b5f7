//go:build linux

package keeper

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// Version is that of the protocol. A keeper serves every worker of its own
// version; what is added to the protocol does not change it as long as both can
// do without.
const Version = 3

// kind is what a message is about. Numbers are part of the protocol.
type kind byte

const (
	// From a worker.
	hello   kind = 1  // it is there; a: its Version
	beat    kind = 2  // it is well
	ready   kind = 3  // it does its work: from now on it is replaced when it dies
	hold    kind = 4  // keep files under the name data, in the place of those before; b: see answered
	drop    kind = 5  // close what is kept under the name data
	launch  kind = 6  // start a program as child id, for which a more files will be kept; data or files[0]: see launch.go
	release kind = 7  // take the zombie of child id away, and close its files data; a: 1 to forget it, and wait for its end
	unkeep  kind = 8  // close file a of child id
	keep    kind = 13 // keep a file for child id, by the number a; b: see answered, or 0 to be told only if it cannot be: unkept
	tell    kind = 15 // signal child id, its group and the processes whose pidfds the files are, once; a: the signal
	forget  kind = 9  // close all files of child id
	notify  kind = 10 // tell the service manager data
	leave   kind = 11 // end with the exit code a when the worker does
	upgrade kind = 12 // replace the worker by the program at the path data
	giveUp  kind = 16 // end the launch of child id, if it is one that takes long
	outputs kind = 14 // read from and write to files instead of standard input, output and error

	// From the keeper.
	welcome  kind = 65 // a: its Version, b: its pid, id: which worker this is, data: the pid of the one before and why it ended
	held     kind = 66 // files are kept under the name data
	child    kind = 67 // child id is kept, with the pid a and its files, whose numbers are data; b: see children.go
	begin    kind = 68 // that was all
	launched kind = 69 // child id has the pid a
	refused  kind = 70 // child id could not be started; a: errno, data: what failed, b: how long the name of its step is
	ended    kind = 71 // child id ended with the status a or by the signal b
	yield    kind = 72 // to a worker: another one waits for its end; to a candidate: say ready if the state can be read
	stays    kind = 73 // the upgrade failed; data: why
	answered kind = 74 // what a worker has asked with b = id is done, or failed with the errno a
	unkept   kind = 75 // file a of child id could not be kept; b: errno
)

// message is one datagram between keeper and worker. Files are descriptors: the
// sender keeps its own, the receiver owns what it got.
type message struct {
	kind  kind
	id    uint64
	a, b  int64
	data  []byte
	files []int
	short bool // the receiver had no room for all of the files
}

const (
	headerSize = 1 + 3*8
	maxData    = 32 << 10
	maxFiles   = 200 // the kernel takes 253
)

// append adds m, without its files, to b.
func (m *message) append(b []byte) []byte {
	b = append(b, byte(m.kind))
	b = binary.LittleEndian.AppendUint64(b, m.id)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.a))
	b = binary.LittleEndian.AppendUint64(b, uint64(m.b))
	return append(b, m.data...)
}

// parse is the message that b is, and oob its files. flags are those of recvmsg(2).
func parse(b, oob []byte, flags int) (m message, err error) {
	if len(oob) > 0 {
		if m.files, err = filesOf(oob); err != nil {
			return message{}, err
		}
	}
	m.short = flags&unix.MSG_CTRUNC != 0
	if len(b) < headerSize || flags&unix.MSG_TRUNC != 0 {
		m.close()
		return message{}, errors.New("a message was cut off")
	}
	m.kind, m.id = kind(b[0]), binary.LittleEndian.Uint64(b[1:])
	m.a, m.b = int64(binary.LittleEndian.Uint64(b[9:])), int64(binary.LittleEndian.Uint64(b[17:]))
	m.data = b[headerSize:]
	return m, nil
}

func filesOf(oob []byte) (files []int, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for _, cm := range messages {
		fds, err := unix.ParseUnixRights(&cm)
		if err != nil {
			return files, err
		}
		files = append(files, fds...)
	}
	return files, nil
}

// close closes the files of a message that nobody wants.
func (m *message) close() {
	closeAll(m.files)
	m.files = nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
