package main

import (
	"net"
	"os/exec"
)

// rawReplace is a bare loop of Start and Wait: it keeps a greeter running, whose
// output goes to the one connection that it waits for.
func rawReplace([]string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	if err := say(listener.Addr().String()); err != nil {
		return err
	}
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		untilStdinEnds()
	}()
	for {
		child := exec.Command(greeter[0], greeter[1:]...)
		child.SysProcAttr = dieWithUs()
		child.Stdout = conn
		if err := child.Start(); err != nil {
			return err
		}
		exited := make(chan struct{})
		go func() {
			defer close(exited)
			child.Wait() // it is killed: that is the point
		}()
		select {
		case <-exited:
		case <-ended:
			child.Process.Kill()
			<-exited
			return nil
		}
	}
}
