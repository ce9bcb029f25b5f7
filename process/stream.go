package process

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gafferd/gaffer/streams"
)

// stream is a stream of an instance.
type stream struct {
	fd     int // the child's
	label  string
	log    *streams.Log // nil: it cannot be read
	reader *reader      // nil: an earlier program has read it to its end
	input  *Input       // nil: it cannot be written to
	socket *os.File     // of a custom stream, for both directions, until the instance's end; nil: it is a pipe
	kept   *durable     // nil: there is no Keeper
}

// stream is that of a descriptor. It is made unless it has been adopted.
func (p *Process) stream(fd int, label string) *stream {
	for _, s := range p.streams {
		if s.fd == fd {
			return s
		}
	}
	s := &stream{fd: fd, label: label}
	if child, ok := p.child.(KeptChild); ok {
		s.kept = &durable{child: child, fd: fd, label: label}
	}
	p.streams = append(p.streams, s)
	return s
}

// connectInput begins with our end of stdin; nil if an earlier program has closed it.
func (s *stream) connectInput(f *os.File) {
	if f == nil {
		s.input = newClosedInput(s.kept)
		return
	}
	s.input = newInput(f, s.kept, func() error {
		if s.kept != nil {
			s.kept.closeEnd()
		}
		return f.Close()
	})
}

// connectOutput begins with our end of what can be read; nil if there is none any more.
func (s *stream) connectOutput(ctx context.Context, f *os.File, backpressure bool, o *Options) {
	s.log = s.openLog(backpressure, o)
	if s.kept != nil {
		s.kept.unkept = func(err error) { o.unkept(s.label, err) }
		if s.kept.spoilt != nil {
			s.kept.startOver()
		}
	}
	if f == nil {
		s.log.Close()
		return
	}
	pipe := s.fd < firstCustomFD
	if !pipe {
		s.socket = f
		s.input = newInput(f, s.kept, func() error { return shutdownWrite(f) })
	}
	if over(s.log) { // an earlier program has read it to its end
		if pipe {
			f.Close() // the Keeper has its own until the child is released
		}
		return
	}
	s.reader = newReader(ctx, s.log, f, s.kept)
	s.reader.pipe = pipe
	s.reader.expected = s.kept != nil && slices.Contains(o.Expected, s.label)
	s.reader.unread = func(lost int, err error) { o.unread(s.label, lost, err) }
}

// openLog makes the log, with what an earlier program has read.
func (s *stream) openLog(backpressure bool, o *Options) *streams.Log {
	lo := streams.Options{Backpressure: backpressure, Memory: o.Memory, Sequence: o.Sequence}
	if s.kept != nil {
		lo.Backing = s.kept.backing
	}
	log := o.newLog(s.label, s.fd, lo)
	if lo.Backing != nil {
		s.kept.spoilt = log.Restore()
	}
	return log
}

// over reports whether nothing more is to be read into a log.
func over(log *streams.Log) bool {
	select {
	case <-log.Done():
		return true
	default:
		return false
	}
}

// cutStreams ends every stream that has not ended yet, with what its pipe
// holds at this moment.
func (p *Process) cutStreams() {
	p.cut()
	for _, s := range p.streams {
		if s.reader != nil {
			s.reader.interrupt()
		}
	}
}

// Labels are the labels of the streams that can be read: the outputs, then the
// custom streams.
func (p *Process) Labels() (labels []string) {
	for _, s := range p.streams {
		if s.log != nil {
			labels = append(labels, s.label)
		}
	}
	return labels
}

// Labels are what Process.Labels is of an instance of s.
func (s *Spec) Labels() []string {
	if s.Detach {
		return nil
	}
	return slices.Concat(s.Outputs(), s.CustomStreams)
}

// Written are the labels of the streams from which something was read.
func (p *Process) Written() (labels []string) {
	for _, s := range p.streams {
		if s.log != nil && s.log.End() > 0 {
			labels = append(labels, s.label)
		}
	}
	return labels
}

// Logs are the streams that can be read, by label. They outlive the process.
func (p *Process) Logs() map[string]*streams.Log {
	logs := make(map[string]*streams.Log)
	for _, s := range p.streams {
		if s.log != nil {
			logs[s.label] = s.log
		}
	}
	return logs
}

// readable is the stream with that label which can be read; nil if there is none.
func (p *Process) readable(label string) *stream {
	for _, s := range p.streams {
		if s.label == label && s.log != nil {
			return s
		}
	}
	return nil
}

// Log is the stream with that label. It returns ErrNotRedirected for a stdout
// or stderr that is discarded, and ErrNoStream for any other unknown label.
func (p *Process) Log(label string) (*streams.Log, error) {
	if s := p.readable(label); s != nil {
		return s.log, nil
	}
	return nil, p.spec.CheckLog(label)
}

// CheckLog returns the error of Process.Log if an instance of s has nothing to read under
// that label.
func (s *Spec) CheckLog(label string) error {
	redirected := len(s.RedirectOutput)
	if s.Detach {
		redirected = 0
	}
	switch {
	case slices.Contains(s.Labels(), label):
		return nil
	case label == "stdout" && redirected == 0, label == "stderr" && redirected < 2:
		return fmt.Errorf("%s of %s: %w: give it a label in redirect_output", label, s.Name, ErrNotRedirected)
	}
	return fmt.Errorf("%s of %s: %w: it has %s", label, s.Name, ErrNoStream, cmp.Or(strings.Join(s.Labels(), ", "), "none"))
}

// Input is what can be written to: "stdin" or a custom stream's label. It
// returns ErrNotWritable for a stdin that is not redirected and for an output,
// and ErrNoStream for an unknown label. Once the process has ended the Input is one that
// nothing can be written to.
func (p *Process) Input(label string) (*Input, error) {
	for _, s := range p.streams {
		if s.label == label && s.input != nil {
			return s.input, nil
		}
	}
	if err := p.spec.CheckInput(label); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%s of %s: %w", label, p.spec.Name, ErrInputClosed) // an earlier program has seen its end
}

// Expect has the streams with these labels get ready for what will soon be written to
// them, by the process or to it, most likely: what a Keeper needs for that is made now. It
// waits for the Keeper, but for no other writer.
func (p *Process) Expect(labels ...string) {
	if !p.hold() {
		return
	}
	defer p.work.Done()
	for _, s := range p.streams {
		if !slices.Contains(labels, s.label) {
			continue
		}
		if s.input != nil {
			s.input.expect()
		}
		if s.reader != nil {
			s.reader.expect()
		}
	}
}

// CheckInput returns the error of Process.Input if an instance of s has nothing to write
// to under that label.
func (s *Spec) CheckInput(label string) error {
	switch {
	case !s.Detach && (label == stdinLabel && s.RedirectInput || slices.Contains(s.CustomStreams, label)):
		return nil
	case label == stdinLabel:
		return fmt.Errorf("stdin of %s: %w: set redirect_input", s.Name, ErrNotWritable)
	case slices.Contains(s.Labels(), label):
		return fmt.Errorf("%s of %s: %w: it is an output", label, s.Name, ErrNotWritable)
	}
	return fmt.Errorf("%s of %s: %w", label, s.Name, ErrNoStream)
}
