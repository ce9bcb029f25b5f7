package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"github.com/gafferd/gaffer/streams"
)

// looseChild keeps nothing.
type looseChild struct{ KeptChild }

func (looseChild) Keep(byte, *os.File) error    { return nil }
func (looseChild) KeepNow(byte, *os.File) error { return nil }
func (looseChild) CloseFile(byte) error         { return nil }

// TestCutTakesWhatIsUnderWay cuts a custom stream when part of it has left the
// socket and is not in the log yet.
func TestCutTakesWhatIsUnderWay(t *testing.T) {
	theirs, ours, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	want := bytes.Repeat([]byte("0123456789abcde\n"), 4000)
	if _, err := theirs.Write(want); err != nil {
		t.Fatal(err)
	}
	log := streams.NewLog(streams.Options{Window: 16 << 10, MaxWindow: 1 << 20})
	kept := &durable{child: looseChild{}, fd: firstCustomFD, label: "x"}
	defer kept.release(nil)
	r := newReader(context.Background(), log, ours, kept)
	cursor := log.Subscribe(0)
	defer cursor.Close()
	conn, err := ours.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	conn.Control(func(fd uintptr) {
		r.fd = int(fd)
		if _, err := r.once(); err != nil {
			t.Fatal(err)
		}
	})
	if log.End() == int64(len(want)) {
		t.Fatal("all was read at once")
	}
	conn.Control(func(uintptr) { r.rest() })
	if log.End() != int64(len(want)) {
		t.Errorf("%d of %d bytes are in the log", log.End(), len(want))
	}
}

// tellingChild tells which files are kept.
type tellingChild struct {
	looseChild
	kept chan byte
}

func (c tellingChild) Keep(number byte, _ *os.File) error    { c.kept <- number; return nil }
func (c tellingChild) KeepNow(number byte, _ *os.File) error { c.kept <- number; return nil }

// TestExpect has a stream get ready before anything is written to it, at any moment of its
// life, and end as it would otherwise.
func TestExpect(t *testing.T) {
	for i := range 200 {
		theirs, ours, err := outputPipe()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cut := context.WithCancel(context.Background())
		child := tellingChild{kept: make(chan byte, 10)}
		kept := &durable{child: child, fd: 1, label: "stdout"}
		log := streams.NewLog(streams.Options{})
		r := newReader(ctx, log, ours, kept)
		r.pipe = true
		var running, expecting sync.WaitGroup
		running.Go(r.run)
		expecting.Go(r.expect)
		if i%2 == 0 { // else it is anywhere
			if got := <-child.kept; got != fileNumber(1, keptBacking) {
				t.Fatalf("%d is kept, want the backing", got)
			}
		}
		if _, err := theirs.WriteString("hello\n"); err != nil {
			t.Fatal(err)
		}
		expecting.Go(r.expect)
		if i%4 < 2 {
			theirs.Close()
		} else {
			cut()
			r.interrupt()
		}
		running.Wait()
		expecting.Wait()
		r.expect() // too late
		if data, missed := log.Read(0, 100); string(data) != "hello\n" || missed != 0 {
			t.Fatalf("run %d: the log has %q", i, data)
		}
		if i%2 == 0 && len(child.kept) > 0 {
			t.Errorf("run %d: %d is kept as well", i, <-child.kept)
		}
		cut()
		theirs.Close()
		log.Discard()
	}
}

// TestExpectInput has the file of an input made before anything is written, once, and not
// while somebody writes or when the input has ended.
func TestExpectInput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	child := tellingChild{kept: make(chan byte, 10)}
	kept := &durable{child: child, fd: 0, label: stdinLabel}
	in := newInput(w, kept, w.Close)
	in.turn <- struct{}{}
	in.expect()
	if len(child.kept) > 0 {
		t.Error("it was made beside who has the turn")
	}
	<-in.turn
	in.expect()
	in.expect()
	if n, _, err := in.Copy(t.Context(), strings.NewReader("hello\n"), 0); n != 6 || err != nil {
		t.Fatal(n, err)
	}
	if got := <-child.kept; got != fileNumber(0, keptInput) || len(child.kept) > 0 {
		t.Errorf("%d is kept, and %d more", got, len(child.kept))
	}
	kept.release(nil)
	kept.input = nil
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if in.expect(); len(child.kept) > 0 {
		t.Error("it was made for an input that has ended")
	}
}

// TestKeptFloodGrowsItsPipe fills a pipe again and again, of which what is read is kept.
func TestKeptFloodGrowsItsPipe(t *testing.T) {
	theirs, ours, err := outputPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	log := streams.NewLog(streams.Options{})
	kept := &durable{child: looseChild{}, fd: 1, label: "stdout"}
	defer kept.release(nil)
	r := newReader(context.Background(), log, ours, kept)
	defer r.grow.release()
	conn, err := ours.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	line := bytes.Repeat([]byte("x"), 100) // which leaves the end of each page free
	for range floodReads {
		if got := pipeSize(t, ours); got != calmPipe {
			t.Fatalf("it has %d bytes too early", got)
		}
		for n := 0; n < calmPipe/4096*(4096/len(line)); n++ {
			if _, err := theirs.Write(line); err != nil {
				t.Fatal(err)
			}
		}
		conn.Control(func(fd uintptr) { r.drain(fd) })
	}
	if got := pipeSize(t, ours); got != floodPipe {
		t.Errorf("flooded: it has %d bytes", got)
	}
}

// slowChild keeps a file when it is told to.
type slowChild struct {
	looseChild
	kept chan struct{}
}

func (c slowChild) KeepNow(byte, *os.File) error {
	<-c.kept
	return nil
}

// TestInputEndsWithItsWriter ends an input to which something is being written: what
// is kept of it goes next.
func TestInputEndsWithItsWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs, ours, err := inputPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer theirs.Close()
		child := slowChild{kept: make(chan struct{})}
		kept := &durable{child: child, label: stdinLabel}
		in := newInput(ours, kept, ours.Close)
		copied := make(chan error, 1)
		go func() {
			_, _, err := in.Copy(t.Context(), strings.NewReader("x"), -1)
			copied <- err
		}()
		synctest.Wait()
		over := make(chan struct{})
		go func() {
			defer close(over)
			in.shut()
			kept.release(nil)
		}()
		synctest.Wait()
		select {
		case <-over:
			t.Error("what is kept goes while it is made")
		default:
		}
		close(child.kept)
		<-over
		if err := <-copied; !errors.Is(err, ErrInputClosed) {
			t.Errorf("the writer got %v", err)
		}
	})
}

// smallMemory has a test run again with its files in a folder that has room for so
// many pages, and returns that folder; "" in the first run, which is over then.
func smallMemory(t *testing.T, pages int) (dir string) {
	t.Helper()
	const again = "GAFFER_TEST_SMALL_MEMORY"
	if dir = os.Getenv(again); dir != "" {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", 4*pages)); err != nil {
			fmt.Println("no room can be made:", err)
			os.Exit(77)
		}
		return dir
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), again+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	switch out, err := cmd.CombinedOutput(); {
	case cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 77:
		t.Skipf("%v: %s", err, out)
	case err != nil:
		t.Errorf("%v: %s", err, out)
	}
	return ""
}

// starved is a reader of a pipe whose bytes go to a file in dir, where there is less room
// than what is written; it returns when that is used up. What it tells of unread output
// comes on told, and log is whole when work is over.
func starved(t *testing.T, dir string, size int) (log *streams.Log, told chan unreadOutput, stop func(), work *sync.WaitGroup) {
	t.Helper()
	log, told, stop, work = backed(t, dir, size)
	poll(t, "no room", func() bool { return freePages(dir) == 0 })
	return log, told, stop, work
}

func freePages(dir string) int {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return -1
	}
	return int(stat.Bfree)
}

// backed is a reader of a pipe whose bytes go to a file in dir.
func backed(t *testing.T, dir string, size int) (log *streams.Log, told chan unreadOutput, stop func(), work *sync.WaitGroup) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, "backing"))
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Truncate(1<<60 + 4096); err != nil { // as NewBacking's is
		t.Fatal(err)
	}
	backing, err := streams.OpenBacking(file)
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours, err := outputPipe()
	if err != nil {
		t.Fatal(err)
	}
	log = streams.NewLog(streams.Options{Backing: backing})
	ctx, cancel := context.WithCancel(t.Context())
	r := newReader(ctx, log, ours, &durable{child: looseChild{}, fd: 1, backing: backing})
	told = make(chan unreadOutput, 10)
	r.unread = func(lost int, err error) { told <- unreadOutput{lost, err} }
	work = new(sync.WaitGroup)
	t.Cleanup(work.Wait)
	stop = func() { cancel(); r.interrupt() }
	t.Cleanup(stop)
	work.Go(r.run)
	work.Go(func() {
		defer theirs.Close()
		theirs.Write(make([]byte, size)) // it fails if the reader ends first
	})
	return log, told, stop, work
}

type unreadOutput struct {
	lost int
	err  error
}

// TestOutputWaitsForMemory fills the memory that what is read goes to. The program
// waits, which is told once, and nothing is lost when there is room again.
func TestOutputWaitsForMemory(t *testing.T) {
	dir := smallMemory(t, 8)
	if dir == "" {
		return
	}
	const size = 200 << 10
	log, told, _, work := starved(t, dir, size)
	if u := <-told; u.lost != 0 || !errors.Is(u.err, syscall.ENOSPC) {
		t.Errorf("told of %+v", u)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=1m"); err != nil {
		t.Fatal(err)
	}
	work.Wait()
	if log.End() != size {
		t.Errorf("%d of %d bytes have come", log.End(), size)
	}
	if len(told) > 0 {
		t.Errorf("told again, of %+v", <-told)
	}
}

// TestFirstOutputWaitsForMemory has no memory for the first record either.
func TestFirstOutputWaitsForMemory(t *testing.T) {
	dir := smallMemory(t, 8)
	if dir == "" {
		return
	}
	filler := fill(t, dir)
	const size = 100
	log, told, _, work := backed(t, dir, size)
	if u := <-told; u.lost != 0 || !errors.Is(u.err, syscall.ENOSPC) {
		t.Errorf("told of %+v", u)
	}
	filler.Truncate(0)
	work.Wait()
	if log.End() != size {
		t.Errorf("%d of %d bytes have come", log.End(), size)
	}
}

// TestFirstOutputIsLostForWantOfMemory ends a stream before there is memory for anything.
func TestFirstOutputIsLostForWantOfMemory(t *testing.T) {
	dir := smallMemory(t, 8)
	if dir == "" {
		return
	}
	fill(t, dir)
	const size = 100
	_, told, stop, work := backed(t, dir, size)
	<-told
	stop()
	work.Wait()
	if u := <-told; u.lost != size {
		t.Errorf("told of %+v", u)
	}
}

// fill takes all the room there is in dir.
func fill(t *testing.T, dir string) *os.File {
	t.Helper()
	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { filler.Close() })
	for freePages(dir) > 0 {
		if _, err := filler.Write(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
	}
	return filler
}

// TestOutputIsLostForWantOfMemory ends a stream while there is no room for the rest.
func TestOutputIsLostForWantOfMemory(t *testing.T) {
	dir := smallMemory(t, 8)
	if dir == "" {
		return
	}
	const size = 60 << 10 // all of which fits into a pipe
	log, told, stop, work := starved(t, dir, size)
	<-told
	stop()
	work.Wait()
	u := <-told
	if u.lost != int(size-log.End()) || u.lost == 0 || !errors.Is(u.err, syscall.ENOSPC) {
		t.Errorf("%d of %d bytes have come; told of %+v", log.End(), size, u)
	}
}
