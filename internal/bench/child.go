package main

import (
	"bytes"
	"flag"
	"os"
	"syscall"
)

// childFlood writes size bytes as fast as it can, in writes of line bytes, once
// the gate is opened.
func childFlood(args []string) error {
	flags := flag.NewFlagSet("child flood", flag.ContinueOnError)
	size := flags.Int64("size", 64<<20, "how many bytes to write in all")
	line := flags.Int("line", 16<<10, "how many bytes each write has, the last one a newline")
	gate := flags.String("gate", "", "the fifo to wait at")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *gate != "" {
		if _, err := os.ReadFile(*gate); err != nil {
			return err
		}
	}
	text := append(bytes.Repeat([]byte("x"), *line-1), '\n')
	for left := *size; left > 0; {
		n, err := syscall.Write(1, text[:min(int64(len(text)), left)])
		if err != nil && err != syscall.EINTR {
			return err
		}
		left -= int64(max(n, 0))
	}
	return nil
}
