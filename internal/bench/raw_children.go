package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// rawChildren is a bare os/exec loop: told a number, it starts as many idle
// children, each with two pipes that are read and a goroutine that waits for
// it; told 0, it stops them all.
func rawChildren([]string) error {
	path, err := exec.LookPath("sleep")
	if err != nil {
		return err
	}
	var group idleGroup
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		count, err := strconv.Atoi(orders.Text())
		if err != nil {
			return fmt.Errorf("told %q: want a number", orders.Text())
		}
		if count == 0 {
			group.stop()
		}
		for range count {
			if err := group.start(path); err != nil {
				return err
			}
		}
		if err := say(true); err != nil {
			return err
		}
	}
	group.stop()
	return nil
}

// idleGroup is what was started and not stopped yet.
type idleGroup struct {
	children []*exec.Cmd
	work     sync.WaitGroup
}

func (g *idleGroup) start(path string) error {
	child := exec.Command(path, "1000000")
	child.SysProcAttr = dieWithUs()
	stdout, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	stderr, err := child.StderrPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	g.children = append(g.children, child)
	var readers sync.WaitGroup
	for _, pipe := range []io.Reader{stdout, stderr} {
		readers.Go(func() { drain(pipe) })
	}
	g.work.Go(func() {
		readers.Wait()
		child.Wait()
	})
	return nil
}

// drain reads as the loop of a careful program would: with a buffer that is
// there only while there is something to read would be better still.
func drain(r io.Reader) {
	buffer := make([]byte, 4<<10)
	for {
		if _, err := r.Read(buffer); err != nil {
			return
		}
	}
}

// stop ends all children and returns when they are gone.
func (g *idleGroup) stop() {
	for _, child := range g.children {
		child.Process.Signal(syscall.SIGTERM) // fails only when it has ended
	}
	g.work.Wait()
	g.children = nil
}
