//go:build linux

package keeper

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// linked are both ends of a link.
func linked(t *testing.T) (a, b *link) {
	t.Helper()
	ours, theirs, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	links := make([]*link, 2)
	for i, fd := range []int{ours, theirs} {
		if links[i], err = newLink(fd); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(links[i].close)
	}
	return links[0], links[1]
}

// TestTakenMessageWakesNobody holds that who has sent a message is not woken up when the
// other side takes it. It looks at a link as the runtime does.
func TestTakenMessageWakesNobody(t *testing.T) {
	l, other := linked(t)
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(poll)
	fd, err := descriptor(l.messages)
	if err != nil {
		t.Fatal(err)
	}
	all := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET}
	if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &all); err != nil {
		t.Fatal(err)
	}
	woken := func() int {
		n, err := unix.EpollWait(poll, make([]unix.EpollEvent, 1), 0)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	woken() // what is so from the beginning
	if err := l.send(message{kind: beat}); err != nil {
		t.Fatal(err)
	}
	if _, err := other.receive(); err != nil {
		t.Fatal(err)
	}
	if n := woken(); n != 0 {
		t.Errorf("woken up %d times by a message that was taken", n)
	}
	if err := other.send(message{kind: beat}); err != nil {
		t.Fatal(err)
	}
	if n := woken(); n != 1 {
		t.Errorf("woken up %d times by a message", n)
	}
}

// TestSendWaits sends more than there is room for.
func TestSendWaits(t *testing.T) {
	l, other := linked(t)
	const count = 3000
	sent := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < count && err == nil; i++ {
			err = l.send(message{kind: notify, id: uint64(i), data: make([]byte, 1000)})
		}
		sent <- err
	}()
	for i := range count {
		m, err := other.receive()
		if err != nil || m.id != uint64(i) {
			t.Fatalf("message %d: %d, %v", i, m.id, err)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// TestSendGivesUp has the other side take nothing.
func TestSendGivesUp(t *testing.T) {
	t.Parallel()
	l, _ := linked(t)
	var err error
	var last time.Duration
	for err == nil {
		began := time.Now()
		err = l.send(message{kind: notify, data: make([]byte, maxData)})
		last = time.Since(began)
	}
	// Of a launch, EAGAIN would say that there are too many processes.
	if !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, unix.EAGAIN) || last < sendTime {
		t.Errorf("after %v: %v", last, err)
	}
}

// TestLinkEnds closes a link on either side of who receives.
func TestLinkEnds(t *testing.T) {
	l, other := linked(t)
	received := make(chan error, 1)
	receive := func(l *link) {
		_, err := l.receive()
		received <- err
	}
	go receive(l)
	other.close()
	if err := <-received; err != io.EOF {
		t.Errorf("the other side has closed: %v", err)
	}
	l, _ = linked(t)
	go receive(l)
	l.close()
	if err := <-received; err == nil || err == io.EOF {
		t.Errorf("this side has closed: %v", err)
	}
	if err := l.send(message{kind: beat}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("sent after the end: %v", err)
	}
}
