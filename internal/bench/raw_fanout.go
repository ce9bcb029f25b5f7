package main

import (
	"flag"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
)

const (
	rawPiece = 64 << 10 // as much as a pipe holds
	rawQueue = 64       // pieces
)

// piece is what one read brought. The last of the sockets to write it gives it
// back.
type piece struct {
	text    []byte
	writers atomic.Int32
}

var pieces = sync.Pool{New: func() any { return &piece{text: make([]byte, rawPiece)} }}

// rawFanout is the least that brings the output of a child to sockets: one
// reader of the pipe, and a goroutine and a bounded queue for each socket. What
// the child is, the other arguments say.
func rawFanout(args []string) error {
	flags := flag.NewFlagSet("raw fanout", flag.ContinueOnError)
	count := flags.Int("k", 1, "how many connections to wait for")
	if err := flags.Parse(args); err != nil {
		return err
	}
	path, err := self()
	if err != nil {
		return err
	}
	queues, wait, err := rawSockets(*count)
	if err != nil {
		return err
	}
	child := exec.Command(path, flags.Args()...)
	child.SysProcAttr = dieWithUs()
	child.Stderr = os.Stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	for {
		p := pieces.Get().(*piece)
		n, err := stdout.Read(p.text[:rawPiece])
		if n == 0 || err != nil {
			break
		}
		if len(queues) == 0 {
			pieces.Put(p)
			continue
		}
		p.text = p.text[:n]
		p.writers.Store(int32(len(queues)))
		for _, q := range queues {
			q <- p
		}
	}
	for _, q := range queues {
		close(q)
	}
	wait()
	err = child.Wait()
	untilStdinEnds()
	return err
}

// rawSockets says where it listens, waits for so many connections, and gives
// each a queue that is written to it.
func rawSockets(count int) (queues []chan<- *piece, wait func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	if err := say(listener.Addr().String()); err != nil {
		return nil, nil, err
	}
	var writers sync.WaitGroup
	for range count {
		conn, err := listener.Accept()
		if err != nil {
			return nil, nil, err
		}
		queue := make(chan *piece, rawQueue)
		queues = append(queues, queue)
		writers.Go(func() {
			defer conn.Close()
			for p := range queue {
				conn.Write(p.text) // a subscriber that left shows in what it says
				if p.writers.Add(-1) == 0 {
					pieces.Put(p)
				}
			}
		})
	}
	return queues, writers.Wait, nil
}
