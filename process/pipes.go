package process

import (
	"context"
	"fmt"
	"maps"
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
func (p *Process) connect(ctx context.Context, ends pipes, o *Options) error {
	read := func(label string, fd int, f *os.File, kept *durable) error {
		if kept != nil {
			kept.unkept = func(err error) { o.unkept(label, err) }
		}
		log, err := p.openLog(label, fd, kept, o)
		if err != nil {
			return err
		}
		p.labels = append(p.labels, label)
		p.logs[label] = log
		if f != nil {
			p.readers = append(p.readers, newReader(ctx, log, f, kept))
		} else {
			log.Close() // an earlier program has read it to its end
		}
		return nil
	}
	if f := ends.ours[0]; f != nil {
		kept := p.durable(0, stdinLabel)
		p.inputs[stdinLabel] = newInput(f, kept, func() error {
			if kept != nil {
				kept.closeEnd()
			}
			return f.Close()
		})
	} else if p.spec.RedirectInput {
		p.inputs[stdinLabel] = newClosedInput(p.durable(0, stdinLabel)) // by an earlier program
	}
	for i, label := range p.spec.outputs() {
		if err := read(label, 1+i, ends.ours[1+i], p.durable(1+i, label)); err != nil {
			return err
		}
	}
	for i, label := range p.spec.CustomStreams {
		f, kept := ends.ours[firstCustomFD+i], p.durable(firstCustomFD+i, label)
		if err := read(label, firstCustomFD+i, f, kept); err != nil {
			return err
		}
		if f != nil {
			p.inputs[label] = newInput(f, kept, func() error { return shutdownWrite(f) })
		}
	}
	return nil
}

// outputs are the labels of stdout and stderr, as far as they have pipes.
func (s *Spec) outputs() []string {
	if s.merged() {
		return s.RedirectOutput[:1]
	}
	return s.RedirectOutput
}

// openLog makes the log of a stream, with what an earlier program has read.
func (p *Process) openLog(label string, fd int, kept *durable, o *Options) (*streams.Log, error) {
	lo := streams.Options{Backpressure: p.spec.Backpressure, Memory: o.Memory, Sequence: o.Sequence}
	if kept != nil {
		lo.Backing = kept.backing
	}
	log := o.newLog(label, fd, lo)
	if lo.Backing != nil {
		if err := log.Restore(); err != nil {
			return nil, fmt.Errorf("take over %s: %w", label, err)
		}
	}
	return log, nil
}

func (o *Options) unkept(label string, err error) {
	if o.Unkept != nil {
		o.Unkept(label, explain(err))
	}
}

func (o *Options) newLog(label string, fd int, lo streams.Options) *streams.Log {
	if o.NewLog == nil {
		return streams.NewLog(lo)
	}
	return o.NewLog(label, fd, lo)
}

// cutStreams ends every stream that has not ended yet, with what its pipe
// holds at this moment.
func (p *Process) cutStreams() {
	p.cut()
	for _, r := range p.readers {
		r.interrupt()
	}
}

// Labels are the labels of the streams that can be read: the outputs, then the
// custom streams.
func (p *Process) Labels() []string { return append([]string(nil), p.labels...) }

// Logs are the streams that can be read, by label. They outlive the process.
func (p *Process) Logs() map[string]*streams.Log { return maps.Clone(p.logs) }

// Log is the stream with that label. It returns ErrNotRedirected for a stdout
// or stderr that is discarded, and ErrNoStream for any other unknown label.
func (p *Process) Log(label string) (*streams.Log, error) {
	if log := p.logs[label]; log != nil {
		return log, nil
	}
	redirected := len(p.logs)
	if redirected > 0 {
		redirected = len(p.spec.RedirectOutput)
	}
	if label == "stdout" && redirected == 0 || label == "stderr" && redirected < 2 {
		return nil, fmt.Errorf("%s of %s: %w: give it a label in redirect_output", label, p.spec.Name, ErrNotRedirected)
	}
	return nil, fmt.Errorf("%s of %s: %w: it has %q", label, p.spec.Name, ErrNoStream, p.labels)
}

// Input is what can be written to: "stdin" or a custom stream's label. It
// returns ErrNotWritable for a stdin that is not redirected and for an output,
// and ErrNoStream for an unknown label.
func (p *Process) Input(label string) (*Input, error) {
	if in := p.inputs[label]; in != nil {
		return in, nil
	}
	switch {
	case label == stdinLabel:
		return nil, fmt.Errorf("stdin of %s: %w: set redirect_input", p.spec.Name, ErrNotWritable)
	case p.logs[label] != nil:
		return nil, fmt.Errorf("%s of %s: %w: it is an output", label, p.spec.Name, ErrNotWritable)
	}
	return nil, fmt.Errorf("%s of %s: %w", label, p.spec.Name, ErrNoStream)
}
