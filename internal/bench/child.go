package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
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

// openGate lets the child go that waits at a gate.
func openGate(gate string) error {
	f, err := os.OpenFile(gate, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
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
