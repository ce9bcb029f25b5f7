package main

import (
	"flag"
	"net"
	"os/exec"
	"sync"
	"time"
)

// rawReplace is a bare loop of Start and Wait for each of some greeters, whose
// output goes to the one connection that it waits for.
func rawReplace(args []string) error {
	flags := flag.NewFlagSet("raw replace", flag.ContinueOnError)
	count := flags.Int("k", 1, "how many greeters to keep running")
	if err := flags.Parse(args); err != nil {
		return err
	}
	conn, err := sayAndAccept()
	if err != nil {
		return err
	}
	defer conn.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		untilStdinEnds()
	}()
	var keepers sync.WaitGroup
	for range *count {
		keepers.Go(func() { keepGreeting(conn, ended) })
	}
	keepers.Wait()
	return nil
}

// sayAndAccept says where it listens, and waits for the one connection there.
func sayAndAccept() (net.Conn, error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	listener.SetDeadline(time.Now().Add(10 * time.Second)) // who was to come may have failed
	if err := say(listener.Addr().String()); err != nil {
		return nil, err
	}
	return listener.Accept()
}

// keepGreeting keeps one greeter running.
func keepGreeting(conn net.Conn, ended <-chan struct{}) {
	for {
		child := exec.Command(greeter[0], greeter[1:]...)
		child.SysProcAttr = dieWithUs()
		child.Stdout = conn
		if err := child.Start(); err != nil {
			return // who waits for its greeting finds none
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
			return
		}
	}
}
