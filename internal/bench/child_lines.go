package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// childLines writes lines as a web server does, no faster than a log can be
// written to a disk.
func childLines(args []string) error {
	flags := flag.NewFlagSet("child lines", flag.ContinueOnError)
	count := flags.Int("n", keptCount, "how many lines to write")
	gate := flags.String("gate", "", "the fifo to wait at")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := waitAt(*gate); err != nil {
		return err
	}
	out := bufio.NewWriterSize(slowly{os.Stdout}, 64<<10)
	writeLines(out, *count)
	return out.Flush()
}

// slowly writes 64 KiB each millisecond at most.
type slowly struct{ io.Writer }

func (w slowly) Write(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return w.Writer.Write(p)
}

// writeLines writes lines of keptLine bytes, the same ones each time.
func writeLines(w io.Writer, count int) {
	for i := range count {
		text := fmt.Sprintf("GET /items/%07d 200 in %d ms for user %d", i, i*7919%1000, i*104729%5000)
		if i%rareLines == rareLines-1 {
			text = fmt.Sprintf("POST /checkout of cart %d in %d ms", i, i*7919%1000)
		}
		fmt.Fprintf(w, "%-*s\n", keptLine-1, text)
	}
}
