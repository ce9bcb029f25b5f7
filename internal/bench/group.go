package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// group are the processes that do a side's work together: the bare loop alone,
// or gafferd's keeper and its worker.
type group []int

// pairOf is a process with its twin, if it has one.
func pairOf(pid int) (group, error) {
	twin, err := twinOf(pid)
	switch {
	case err != nil:
		return nil, err
	case twin == 0:
		return group{pid}, nil
	}
	return group{pid, twin}, nil
}

// memory is what processes hold.
type memory struct {
	pss   int64 // their share of what they share with others, and all of their own
	anon  int64 // of that, what is no file's
	files int64 // and files in memory, which no process counts as its own
}

func (m memory) all() int64 { return m.pss + m.files }

// cpu is what all of them have used so far.
func (g group) cpu() (sum time.Duration, err error) {
	for _, pid := range g {
		used, err := cpuTime(pid)
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// memory is what all of them hold. The files are the first one's, which is the
// keeper if there is one: it has all that its worker has.
func (g group) memory() (sum memory, err error) {
	for _, pid := range g {
		m, err := memoryOf(pid)
		if err != nil {
			return memory{}, err
		}
		sum.pss += m.pss
		sum.anon += m.anon
	}
	sum.files, err = filesInMemory(g[0])
	return sum, err
}

// read is what all of them have asked the kernel for so far.
func (g group) read() (sum int64, err error) {
	for _, pid := range g {
		n, err := bytesRead(pid)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// wakeUps is how often they have begun to wait, so far.
func (g group) wakeUps() (sum int64, err error) {
	for _, pid := range g {
		n, err := wakeUps(pid)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// settled is what they hold once that has stopped changing, or after some
// seconds.
func (g group) settled(ctx context.Context) (memory, error) {
	last, err := g.memory()
	for range 20 {
		if err != nil {
			break
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return memory{}, err
		}
		var now memory
		now, err = g.memory()
		steady := now.anon == last.anon
		last = now
		if steady {
			break
		}
	}
	return last, err
}

// String is the form that roles are told it in.
func (g group) String() string {
	var words []string
	for _, pid := range g {
		words = append(words, strconv.Itoa(pid))
	}
	return strings.Join(words, ",")
}

// Set implements flag.Value.
func (g *group) Set(text string) error {
	*g = nil
	for word := range strings.SplitSeq(text, ",") {
		pid, err := strconv.Atoi(word)
		if err != nil {
			return fmt.Errorf("%q is not a list of processes", text)
		}
		*g = append(*g, pid)
	}
	return nil
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
