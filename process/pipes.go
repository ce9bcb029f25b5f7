package process

import (
	"context"
	"fmt"
	"os"

	"github.com/gafferd/gaffer/streams"
)

const (
	stdinLabel    = "stdin"
	firstCustomFD = 3
)

// pipes are both ends of an instance's descriptors, by the child's number.
type pipes struct {
	theirs []*os.File // nil is /dev/null
	ours   []*os.File // nil where there is nothing to read or write
}

// openPipes makes the pipes and socket pairs that s asks for. On an error none
// is left open.
func openPipes(s *Spec) (pipes, error) {
	p := pipes{make([]*os.File, firstCustomFD), make([]*os.File, firstCustomFD)}
	if s.Detach {
		return p, nil
	}
	if err := p.open(s); err != nil {
		closeFiles(p.theirs)
		closeFiles(p.ours)
		return pipes{}, fmt.Errorf("open its streams: %w", explain(err))
	}
	return p, nil
}

func (p *pipes) open(s *Spec) (err error) {
	if s.RedirectInput {
		if p.theirs[0], p.ours[0], err = inputPipe(); err != nil {
			return err
		}
	}
	for i := range s.RedirectOutput {
		if s.merged() && i == 1 {
			p.theirs[2] = p.theirs[1]
			break
		}
		if p.theirs[1+i], p.ours[1+i], err = outputPipe(); err != nil {
			return err
		}
	}
	for range s.CustomStreams {
		theirs, ours, err := socketPair()
		if err != nil {
			return err
		}
		p.theirs, p.ours = append(p.theirs, theirs), append(p.ours, ours)
	}
	return nil
}

// merged reports whether stderr shares stdout's pipe.
func (s *Spec) merged() bool {
	return len(s.RedirectOutput) == 2 && s.RedirectOutput[0] == s.RedirectOutput[1]
}

// closeFiles closes what is open; a file that is there twice may be closed
// twice.
func closeFiles(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// connect gives each of our ends its log, its reader and its input.
func (p *Process) connect(ctx context.Context, ends pipes, o *Options) {
	if p.spec.RedirectInput {
		p.stream(0, stdinLabel).connectInput(ends.ours[0])
	}
	for i, label := range p.spec.Outputs() {
		p.stream(1+i, label).connectOutput(ctx, ends.ours[1+i], p.spec.Backpressure, o)
	}
	for i, label := range p.spec.CustomStreams {
		fd := firstCustomFD + i
		p.stream(fd, label).connectOutput(ctx, ends.ours[fd], p.spec.Backpressure, o)
	}
}

func (o *Options) unkept(label string, err error) {
	if o.Unkept != nil {
		o.Unkept(label, explain(err))
	}
}

func (o *Options) unread(label string, lost int, err error) {
	if o.Unread != nil {
		o.Unread(label, lost, explain(err))
	}
}

func (o *Options) newLog(label string, fd int, lo streams.Options) *streams.Log {
	if o.NewLog == nil {
		return streams.NewLog(lo)
	}
	return o.NewLog(label, fd, lo)
}
