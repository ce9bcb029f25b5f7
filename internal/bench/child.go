package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// childFlood writes size bytes as fast as it can, in writes of line bytes, once
// the gate is opened.
func childFlood(args []string) error {
	flags := flag.NewFlagSet("child flood", flag.ContinueOnError)
	size := flags.Int64("size", 64<<20, "how many bytes to write in all")
	line := flags.Int("line", 16<<10, "how many bytes each write has, the last one a newline")
	gate := flags.String("gate", "", "the fifo to wait at")
	report := flags.String("report", "", "the fifo to say at how many seconds it took")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := waitAt(*gate); err != nil {
		return err
	}
	began := time.Now()
	text := append(bytes.Repeat([]byte{filler}, *line-1), '\n')
	for left := *size; left > 0; {
		n, err := syscall.Write(1, text[:min(int64(len(text)), left)])
		if err != nil && err != syscall.EINTR {
			return err
		}
		left -= int64(max(n, 0))
	}
	if *report == "" {
		return nil
	}
	return os.WriteFile(*report, fmt.Append(nil, time.Since(began).Seconds()), 0)
}

// filler is what a line is made of. Neither server-sent events nor JSON have it
// in what goes around a line.
const filler = '~'

// waitAt waits until a gate is opened, if there is one.
func waitAt(gate string) error {
	if gate == "" {
		return nil
	}
	_, err := os.ReadFile(gate)
	return err
}

// gatePatience is how long a child may take to come to its gate.
const gatePatience = 30 * time.Second

// openGate lets the child go that waits at a gate, or is about to.
func openGate(ctx context.Context, gate string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, gatePatience, errors.New("no child came to its gate"))
	defer cancel()
	for {
		f, err := os.OpenFile(gate, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			return f.Close()
		}
		if !errors.Is(err, syscall.ENXIO) {
			return err
		}
		if err := pause(ctx, time.Millisecond); err != nil { // nobody is there yet
			return err
		}
	}
}

// readReport is how many seconds a child says at a fifo that it took.
func readReport(ctx context.Context, path string) (seconds float64, err error) {
	// With a writer of its own it need not wait for one, who may never come.
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	defer context.AfterFunc(ctx, func() { f.SetReadDeadline(time.Unix(1, 0)) })()
	var text [64]byte // more than the child writes, which is in one piece
	n, err := f.Read(text[:])
	if err != nil {
		return 0, cmp.Or(context.Cause(ctx), err)
	}
	return strconv.ParseFloat(string(text[:n]), 64)
}

// childTicks writes its clock, once the gate is opened, in lines at an even
// pace.
func childTicks(args []string) error {
	flags := flag.NewFlagSet("child ticks", flag.ContinueOnError)
	count := flags.Int("n", 50, "how many lines to write")
	every := flags.Duration("every", 100*time.Millisecond, "how far they are apart")
	gate := flags.String("gate", "", "the fifo to wait at")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := waitAt(*gate); err != nil {
		return err
	}
	ticks := time.NewTicker(*every)
	for range *count {
		<-ticks.C
		if _, err := fmt.Printf("%c%0*d\n", filler, tickDigits, monotonic()); err != nil {
			return err
		}
	}
	return nil
}

// tickDigits is how long the clock is in a line.
const tickDigits = 19
