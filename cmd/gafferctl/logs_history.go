package main

import (
	"context"
	"iter"

	"github.com/gafferd/gaffer/httpapi/client"
)

// history shows what there is, of all targets in the order of time.
func (l *logsReader) history(ctx context.Context) error {
	if l.count == client.None {
		return nil
	}
	lasts := &lastLines{limit: l.count, show: l.print.line}
	l.print.hold()
	err := l.merge(ctx, lasts.add)
	if err == nil {
		err = lasts.end()
	}
	if flushed := l.print.release(); err == nil {
		err = flushed
	}
	for _, t := range l.targets {
		t.options.N = 0 // what comes later is all wanted
	}
	return err
}

// head is the next line of one of several logs.
type head struct {
	target *logTarget
	next   func() (client.LogLine, error, bool)
	line   client.LogLine
}

// merge gives the lines of all targets to add, the earliest first, and those of
// each target in their own order.
func (l *logsReader) merge(ctx context.Context, add func(app string, line *client.LogLine) error) error {
	var heads []*head
	for _, t := range l.targets {
		o := t.options
		if t.ended {
			o.N = 0 // it does not know which lines are of the pid
		}
		next, stop := iter.Pull2(l.cli.client.Logs(ctx, t.app, o))
		defer stop()
		heads = append(heads, &head{target: t, next: next})
	}
	for i := 0; i < len(heads); {
		more, err := heads[i].advance()
		if err != nil {
			return err
		}
		if more {
			i++
		} else {
			heads = append(heads[:i], heads[i+1:]...)
		}
	}
	for len(heads) > 0 {
		first := 0
		for i, h := range heads {
			if h.line.Time.Before(heads[first].line.Time) {
				first = i
			}
		}
		h := heads[first]
		if err := add(h.target.app, &h.line); err != nil {
			return err
		}
		more, err := h.advance()
		if err != nil {
			return err
		}
		if !more {
			heads = append(heads[:first], heads[first+1:]...)
		}
	}
	return nil
}

// advance goes on to the next line that is of the target.
func (h *head) advance() (more bool, err error) {
	for {
		line, err, ok := h.next()
		if !ok || h.target.gone(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if h.target.takes(&line) {
			h.line = line
			return true, nil
		}
	}
}

// lastLines shows all lines or, with a limit, the last ones once it is known
// which those are.
type lastLines struct {
	limit int // 0: none
	show  func(app string, line *client.LogLine) error
	kept  []appLine // a ring when full
	next  int       // in the ring: the oldest
}

type appLine struct {
	app  string
	line client.LogLine
}

func (l *lastLines) add(app string, line *client.LogLine) error {
	switch {
	case l.limit <= 0:
		return l.show(app, line)
	case len(l.kept) < l.limit:
		l.kept = append(l.kept, appLine{app, *line})
	default:
		l.kept[l.next] = appLine{app, *line}
		l.next = (l.next + 1) % l.limit
	}
	return nil
}

func (l *lastLines) end() error {
	for i := range l.kept {
		k := &l.kept[(l.next+i)%len(l.kept)]
		if err := l.show(k.app, &k.line); err != nil {
			return err
		}
	}
	return nil
}
