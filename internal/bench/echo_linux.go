package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// echo sends messages through websockets whenever it is told to, and waits for each to
// come back, with one thread, so that it takes part in the delay as little as can be.
func echo(args []string) error {
	flags := flag.NewFlagSet("echo", flag.ContinueOnError)
	addr := flags.String("addr", "", "where to connect to")
	count := flags.Int("n", 100, "how many messages go through each websocket in a turn")
	every := flags.Duration("every", 0, "how far they are apart; 0: the next one goes when one has come back")
	var of group
	flags.Var(&of, "pids", "whose CPU time to measure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	e := &echoConns{every: *every, of: of, byFD: make(map[int]*echoConn)}
	if err := e.connect(*addr, flags.Args()); err != nil {
		return err
	}
	if err := say(true); err != nil {
		return err
	}
	for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
		t, err := e.turn(*count)
		if err != nil {
			return err
		}
		if err := say(t); err != nil {
			return err
		}
	}
	return nil
}

// echoConns are the websockets.
type echoConns struct {
	epoll int
	every time.Duration
	of    group
	all   []*echoConn
	byFD  map[int]*echoConn
	busy  int // those with messages to send, or on their way
	took  []float64
}

// echoConn is one of them.
type echoConn struct {
	fd      int
	left    int
	frames  frames
	pending int64     // bytes that have to come back
	sent    time.Time // the message on its way
	due     time.Time // the next one
}

// message is a frame of a client, with a mask that changes nothing.
var message = append([]byte{0x81, 0x80 | echoed, 0, 0, 0, 0}, append(bytes.Repeat([]byte{'.'}, echoed-1), '\n')...)

func (e *echoConns) connect(addr string, paths []string) (err error) {
	if e.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	for _, path := range paths {
		fd, err := dial(addr, request(addr, path, formFrames))
		if err != nil {
			return err
		}
		c := &echoConn{fd: fd}
		for !c.frames.started() {
			if err := e.read(c); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err := unix.EpollCtl(e.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return os.NewSyscallError("epoll_ctl", err)
		}
		e.byFD[fd], e.all = c, append(e.all, c)
	}
	return nil
}

// turn sends so many messages through each websocket and returns when all have come back.
func (e *echoConns) turn(count int) (trips, error) {
	before, err := e.of.cpu()
	if err != nil {
		return trips{}, err
	}
	e.took, e.busy = e.took[:0], len(e.all)
	began := time.Now()
	for i, c := range e.all {
		c.left = count
		c.due = began.Add(e.every * time.Duration(i) / time.Duration(len(e.all))) // not all at once
	}
	if err := e.run(); err != nil {
		return trips{}, err
	}
	after, err := e.of.cpu()
	return trips{Took: e.took, CPU: (after - before).Seconds()}, err
}

// run returns when every message of every websocket has come back.
func (e *echoConns) run() error {
	events := make([]unix.EpollEvent, 128)
	for e.busy > 0 {
		wait, err := e.send()
		if err != nil {
			return err
		}
		n, err := unix.EpollWait(e.epoll, events, int(wait.Milliseconds()))
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("epoll_wait", err)
		}
		if n == 0 && wait == silence {
			return fmt.Errorf("a message did not come back within %v", silence)
		}
		for _, event := range events[:max(n, 0)] {
			if err := e.read(e.byFD[int(event.Fd)]); err != nil {
				return err
			}
		}
	}
	return nil
}

// send sends what is due and returns for how long nothing else is.
func (e *echoConns) send() (wait time.Duration, err error) {
	now := time.Now()
	wait = silence
	for _, c := range e.all {
		if c.pending > 0 || c.left == 0 {
			continue
		}
		if d := c.due.Sub(now); d > 0 {
			wait = min(wait, max(d, time.Millisecond))
			continue
		}
		c.sent, c.pending = time.Now(), echoed
		c.due = c.due.Add(e.every)
		if _, err := unix.Write(c.fd, message); err != nil {
			return 0, os.NewSyscallError("write", err)
		}
	}
	return wait, nil
}

// read takes what has come on one of them.
func (e *echoConns) read(c *echoConn) error {
	var buffer [4 << 10]byte
	n, err := unix.Read(c.fd, buffer[:])
	switch {
	case err == unix.EINTR:
		return nil
	case err != nil:
		return os.NewSyscallError("read", err)
	case n == 0:
		return errors.New("a websocket was closed")
	}
	payload, err := c.frames.take(buffer[:n])
	if err != nil {
		return err
	}
	if c.pending == 0 {
		return nil // the handshake's
	}
	if c.pending -= payload; c.pending > 0 {
		return nil
	}
	e.took = append(e.took, time.Since(c.sent).Seconds()*1e6)
	if c.left--; c.left == 0 {
		e.busy--
	}
	return nil
}
