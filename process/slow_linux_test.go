package process

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/gafferd/gaffer/process/spawn"
	"golang.org/x/sys/unix"
)

// TestSlowDiskHoldsUpNobody has a program executed that lies on a disk which does not
// answer. Meanwhile garbage is collected, for which all threads of Go's have to stop, and
// others are started.
func TestSlowDiskHoldsUpNobody(t *testing.T) {
	dir := t.TempDir()
	disk := exec.Command(os.Args[0], dir)
	disk.Env = append(os.Environ(), childVariable+"=slow-disk")
	in, err := disk.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := disk.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	disk.Stderr = os.Stderr
	if err := disk.Start(); err != nil {
		t.Fatal(err)
	}
	defer disk.Wait()
	defer in.Close()
	says := bufio.NewScanner(out)
	next := func() string { says.Scan(); return says.Text() }
	if first := next(); first != "mounted" {
		t.Skip(first)
	}
	failed := make(chan error, 1)
	go func() {
		s := NewSpec("slow", filepath.Join(dir, "program"))
		_, err := Start(&s, Options{})
		failed <- err
		if !errors.Is(err, syscall.EIO) {
			in.Close() // for the disk will not be asked
		}
	}()
	if got := next(); got != "asked" {
		t.Fatalf("the disk said %q: %v", got, <-failed)
	}
	runtime.GC()
	family.unlessLaunched(0, func() {}) // as orphans are reaped
	end(t, run(t, program("exit", "0"), Options{}))
	giveUp(t, filepath.Join(dir, "program"))
	in.Write([]byte("\n"))
	if got := next(); got != "told" {
		t.Errorf("the disk said %q", got)
	}
	if err := <-failed; !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
}

// giveUp has a program executed that lies on a disk which does not answer, and gives it up.
func giveUp(t *testing.T, path string) {
	t.Helper()
	shared, err := sharedLauncher()
	if err != nil {
		t.Fatal(err)
	}
	l := shared.(*LocalLauncher)
	const id = 77
	pid, pidfd, err := family.launch(spawn.Attr{Path: path, Args: []string{path}, Slow: true}, func(pidfd int) {
		l.helped(id, pidfd)
		GiveUp(nil, id)
	})
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(pidfd)
	l.helped(id, -1)
	GiveUp(nil, id) // there is nobody any more
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil || status.Signal() != unix.SIGKILL {
		t.Errorf("it ended with %v, %v", status, err)
	}
	family.release(pid)
}

// slowDisk mounts a file system with one program, and answers whoever opens that with an
// error: when it is told to on standard input, or else after a while. It speaks as much of
// the kernel's FUSE protocol as that takes.
func slowDisk(args []string) {
	dir := args[0]
	device, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Mount("gaffer", dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40755,user_id=0,group_id=0", device))
	}
	if err != nil {
		fmt.Println("no file system can be mounted:", err)
		return
	}
	told := make(chan struct{})
	go func() {
		in := bufio.NewReader(os.Stdin)
		in.ReadString('\n')
		close(told)
		in.ReadString('\n')
		unix.Unmount(dir, unix.MNT_DETACH)
		os.Exit(0)
	}()
	fmt.Println("mounted")
	request := make([]byte, 64<<10)
	for {
		if _, err := unix.Read(device, request); err != nil {
			return
		}
		opcode, unique, node := binary.NativeEndian.Uint32(request[4:]), binary.NativeEndian.Uint64(request[8:]), binary.NativeEndian.Uint64(request[16:])
		answer, errno := diskAnswer(opcode, node)
		if opcode == fuseOpen {
			fmt.Println("asked")
			select {
			case <-told:
				fmt.Println("told")
			case <-time.After(20 * time.Second):
				fmt.Println("not told")
			}
			errno = unix.EIO
		}
		reply := binary.NativeEndian.AppendUint32(nil, uint32(16+len(answer)))
		reply = binary.NativeEndian.AppendUint32(reply, uint32(-int32(errno)))
		reply = binary.NativeEndian.AppendUint64(reply, unique)
		unix.Write(device, append(reply, answer...))
	}
}

// What the kernel asks of a file system, by the numbers of linux/fuse.h.
const (
	fuseLookup  = 1
	fuseGetattr = 3
	fuseOpen    = 14
	fuseStatfs  = 17
	fuseInit    = 26
)

// diskAnswer is the answer about node 1, the directory, or 2, the program.
func diskAnswer(opcode uint32, node uint64) (answer []byte, errno syscall.Errno) {
	var b bytes.Buffer
	put := func(fields ...any) {
		for _, f := range fields {
			binary.Write(&b, binary.NativeEndian, f)
		}
	}
	attr := func(node uint64) { // ino, size, blocks, times, mode, links, owner, device, block size
		mode := uint32(unix.S_IFDIR | 0o755)
		if node == 2 {
			mode = unix.S_IFREG | 0o755
		}
		put(node, uint64(4096), uint64(8), [3]uint64{}, [3]uint32{}, mode, uint32(1), [3]uint32{}, uint32(4096), uint32(0))
	}
	switch opcode {
	case fuseInit:
		put(uint32(7), uint32(31), uint32(4096), uint32(0), [2]uint16{8, 8}, uint32(4096), uint32(1), [9]uint32{})
	case fuseLookup:
		put(uint64(2), uint64(0), uint64(60), uint64(60), [2]uint32{})
		attr(2)
	case fuseGetattr:
		put(uint64(60), [2]uint32{})
		attr(node)
	case fuseStatfs:
		put([5]uint64{}, [3]uint32{4096, 255, 4096}, [7]uint32{})
	default:
		return nil, unix.ENOSYS
	}
	return b.Bytes(), 0
}
