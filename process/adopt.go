package process

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// comeAgain is how long the readers of an earlier program have to come again, before a
// stream with backpressure goes on without them.
const comeAgain = 10 * time.Second

// Was is what an earlier program knew of an instance that it has left behind.
type Was struct {
	StartedAt time.Time

	// Of one that was told to stop, or was going to be.
	Reason string
	KillAt time.Time // when it is to be killed
}

// Claim is an instance that an earlier program has started with a Spec, or was
// about to start, and a Keeper has kept since. Adopt must be called, once.
type Claim struct {
	spec    *Spec
	options Options
	child   KeptChild
}

// NewClaim finds an instance. o must say what it did when the earlier program started
// the instance, with a Marker, and its Launcher must be a Keeper. It returns
// ErrNotRunning if the Keeper has no such child, and does not wait for anything.
func NewClaim(spec *Spec, o Options) (*Claim, error) {
	child, err := o.keptChild(spec)
	if err != nil {
		return nil, fmt.Errorf("take over %s: %w", spec.Name, err)
	}
	return &Claim{spec, o, child}, nil
}

// Launching reports whether the instance is still being started, which Adopt would
// wait for.
func (c *Claim) Launching() bool { return c.child.Launching() }

// Adopt takes over the instance: with its streams, which go on where they were,
// and with its stop, if it has been told. What the instance did meanwhile is seen now.
//
// One that was detached is as after its Start. If what was read of a stream before
// cannot be taken over, the stream goes on without that, and Unkept is told.
//
// The error is why the instance could not be started for the earlier program.
func (c *Claim) Adopt(was Was) (*Process, error) {
	spec, o, child := c.spec, &c.options, c.child
	if err := child.Started(); err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	p := newProcess(spec, child, was.StartedAt)
	if spec.Detach {
		p.letGo()
		return p, nil
	}
	ctx, cut := context.WithCancel(context.Background())
	p.cut = cut
	p.connect(ctx, p.adoptStreams(child), o)
	if spec.Backpressure {
		for _, s := range p.streams {
			if s.log != nil {
				s.log.ReserveAgain(comeAgain)
			}
		}
	}
	if child.Told() {
		p.goOnStopping(was) // before the end can be seen: else what is left would not be spared
	}
	p.begin()
	return p, nil
}

func (o *Options) keptChild(s *Spec) (KeptChild, error) {
	keeper, ok := o.Launcher.(Keeper)
	if !ok {
		return nil, fmt.Errorf("the launcher keeps nothing: %w", ErrNotRunning)
	}
	return keeper.Adopt(Command{ID: o.PID, Marker: newMarker(o.Marker), Detach: s.Detach})
}

// adoptStreams takes what was kept of all streams. An end that is nil was
// closed.
func (p *Process) adoptStreams(child KeptChild) pipes {
	files := child.Files()
	ends := pipes{ours: make([]*os.File, firstCustomFD+len(p.spec.CustomStreams))}
	adopt := func(fd int, label string) { ends.ours[fd] = p.stream(fd, label).kept.adoptFiles(files) }
	if p.spec.RedirectInput {
		adopt(0, stdinLabel)
	}
	for i, label := range p.spec.Outputs() {
		adopt(1+i, label)
	}
	for i, label := range p.spec.CustomStreams {
		adopt(firstCustomFD+i, label)
	}
	for _, f := range files {
		f.Close() // of nobody's
	}
	return ends
}

// HoldBack has a program with Backpressure go on waiting for the readers that it has
// now when they have left, because another program goes on with the instance.
func (p *Process) HoldBack() {
	if p.spec.Backpressure {
		for _, s := range p.streams {
			if s.log != nil {
				s.log.HoldBack()
			}
		}
	}
}

// Recall returns the logs of an instance that has ended and been released, as far
// as a Keeper still has them, by label; what cannot be read is left out. forget is
// Forget for them.
func Recall(spec *Spec, o Options) (logs map[string]*streams.Log, forget func(), err error) {
	child, err := o.keptChild(spec)
	if err == nil {
		err = child.Started()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("recall %s: %w", spec.Name, err)
	}
	p := newProcess(spec, child, time.Time{})
	closeFiles(p.adoptStreams(child).ours) // there are none left but of a stream that failed
	o.Unkept = nil                         // it has ended: nothing will be lost any more
	p.connect(context.Background(), pipes{ours: make([]*os.File, firstCustomFD+len(spec.CustomStreams))}, &o)
	return p.Logs(), p.Forget, nil
}

// Forget retires the logs of the streams, once Done is closed, and has a Keeper give back
// what it holds of them, or of a program that was detached. It comes when it is recorded
// what has become of the instance.
func (p *Process) Forget() {
	if child, ok := p.child.(KeptChild); ok {
		child.Forget() // first: whoever is the last to have a file frees its memory, and the keeper has others to serve
	}
	for _, s := range p.streams {
		if s.log != nil {
			s.log.Retire()
		}
	}
}
