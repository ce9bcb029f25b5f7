package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"os"
	"strconv"
	"time"
)

// listen opens connections to one side, lets its child go when it is told to,
// and looks at when each line comes.
func listen(args []string) error {
	flags := flag.NewFlagSet("listen", flag.ContinueOnError)
	addr := flags.String("addr", "", "where to connect to")
	path := flags.String("get", "", "what to GET (nothing: lines come without being asked for)")
	count := flags.Int("k", 1, "how many connections")
	lines := flags.Int("lines", 0, "how many lines are due on each")
	gate := flags.String("gate", "", "the fifo at which the child waits")
	var of group
	flags.Var(&of, "pids", "whose CPU time to measure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var got heard
	s, err := dialAll(*addr, request(*addr, *path, formLines), *count, func() counter {
		return &ticks{head: head{whole: *path == ""}, want: *lines, heard: &got}
	})
	if err != nil {
		return err
	}
	if err := s.awaitHeaders(); err != nil {
		return err
	}
	if err := say(true); err != nil {
		return err
	}
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	cpu, err := of.cpu()
	if err != nil {
		return err
	}
	if err := openGate(context.Background(), *gate); err != nil {
		return err
	}
	for len(s.open) > 0 {
		if more, err := s.step(); err != nil || !more {
			break // what has not come is lost
		}
	}
	now, err := of.cpu()
	if err != nil {
		return err
	}
	got.CPU = (now - cpu).Seconds()
	return say(got)
}

// ticks are the lines of one connection.
type ticks struct {
	head
	want  int
	got   int
	heard *heard // of all connections
}

// take looks at the clock for each line, but not for one that comes in two
// reads: it is counted and no more.
func (t *ticks) take(p []byte) (int64, error) {
	p, err := t.head.take(p)
	now := monotonic()
	for {
		_, rest, found := bytes.Cut(p, []byte{filler})
		if !found {
			return 0, err
		}
		t.got++
		t.heard.Count++
		if len(rest) >= tickDigits {
			if then, err := strconv.ParseInt(string(rest[:tickDigits]), 10, 64); err == nil {
				t.heard.Delays = append(t.heard.Delays, time.Duration(now-then).Seconds()*1e3)
			}
		}
		p = rest
	}
}

func (t *ticks) started() bool { return t.whole }
func (t *ticks) ended() bool   { return t.got >= t.want }
func (t *ticks) mayEnd() bool  { return t.ended() }
