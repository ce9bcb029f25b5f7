package process

import (
	"fmt"
	"os"
	"sync/atomic"

	"github.com/gafferd/gaffer/streams"
)

// What is kept for each descriptor of a child. The number of a file is made of
// the child's fd and one of these, which therefore never change.
const (
	keptEnd     = 0 // our end of its pipe or socket
	keptBacking = 1 // what was read from it
	keptInput   = 2 // what is to be written to it
	keptRelayR  = 3 // a pipe between a socket and its backing
	keptRelayW  = 4
	keptKinds   = 8
)

// fileNumber is the number of a file that is kept. maxCustomStreams is as many
// as there are numbers for.
func fileNumber(fd, kind int) byte { return byte(fd*keptKinds + kind) }

// keptLater is how many files come to be kept, at most, for the streams behind our
// ends.
func keptLater(ours []*os.File) (n int) {
	for fd, f := range ours {
		switch {
		case f == nil:
		case fd < firstCustomFD:
			n++ // what is written, or read
		default:
			n += 4 // both, and the relay
		}
	}
	return n
}

// durable is one stream of an instance whose child a Keeper has: what has to
// outlive this program is handed over before it is used.
type durable struct {
	child   KeptChild
	fd      int // the child's
	label   string
	backing *streams.Backing // nil until something is to be read, or is expected
	relay   *relay           // between a socket and the backing; nil: it is a pipe
	input   *inputFile       // nil before the first byte that is written
	unkept  func(error)      // is told why the stream is lost with this program
	lost    bool             // nothing was kept from the beginning
	spoilt  error            // why what an earlier program has read cannot be taken over
	told    atomic.Bool      // unkept has been called
}

func (d *durable) keep(kind int, f *os.File) error {
	return d.child.Keep(fileNumber(d.fd, kind), f)
}

// begin makes the backing of a stream that has something to be read, or will soon. If that
// cannot be, the stream goes on without one: it is no reason to stop a program.
func (d *durable) begin(log *streams.Log) {
	if err := d.open(); err != nil {
		d.lost = true
		d.abandon()
		d.tell(err)
		return
	}
	log.Back(d.backing)
}

func (d *durable) open() (err error) {
	if d.backing, err = streams.NewBacking("gaffer-" + d.label); err != nil {
		return err
	}
	if err := d.keep(keptBacking, d.backing.File()); err != nil {
		return err
	}
	if d.fd < firstCustomFD {
		return nil
	}
	return d.openRelay()
}

// abandon undoes what open has done, if it has failed or did not come to its end.
func (d *durable) abandon() {
	if d.backing != nil {
		d.backing.File().Close()
		d.backing = nil
	}
	if d.relay != nil {
		d.relay.close()
		d.relay = nil
	}
	d.closeFiles()
}

// closeFiles has the keeper close the files that it has for what is read, which are of
// use only together.
func (d *durable) closeFiles() {
	for _, kind := range []int{keptBacking, keptRelayR, keptRelayW} {
		d.child.CloseFile(fileNumber(d.fd, kind))
	}
}

// tell makes known, once, that the stream is lost with this program.
func (d *durable) tell(err error) {
	if !d.told.Swap(true) {
		d.unkept(err)
	}
}

// unkept hears that the keeper has no room for a file of a stream. The stream goes on,
// and is lost with this program.
func (p *Process) unkept(number byte, err error) {
	for _, s := range p.streams {
		if s.fd != int(number)/keptKinds || s.log == nil {
			continue
		}
		if p.hold() { // else it is at its end: what is left to do is to say so
			defer p.work.Done()
			s.kept.closeFiles()
		}
		s.kept.tell(err)
		return
	}
}

// stage has p, which is to be written to the child at offset, outlive this program,
// before any of it is written.
func (d *durable) stage(p []byte, offset int64) error {
	if err := d.openInput(); err != nil {
		return err
	}
	return d.input.put(p, offset)
}

// openInput makes the file through which input goes, unless there is one.
func (d *durable) openInput() error {
	if d.input != nil {
		return nil
	}
	input, err := newInputFile(d.label)
	if err != nil {
		return err
	}
	if err := d.child.KeepNow(fileNumber(d.fd, keptInput), input.file); err != nil {
		input.close()
		return err
	}
	d.input = input
	return nil
}

// inputOffset is how much was written before this program began.
func (d *durable) inputOffset() int64 {
	if d.input == nil {
		return 0
	}
	return d.input.accepted()
}

// closeEnd has the keeper close its copy of our end, which must go first: the
// child sees the end when nobody has it open.
func (d *durable) closeEnd() { d.child.CloseFile(fileNumber(d.fd, keptEnd)) }

// release lets go of everything but what was read. It adds what the keeper has of
// that to numbers.
func (d *durable) release(numbers []byte) []byte {
	numbers = append(numbers, fileNumber(d.fd, keptEnd))
	if d.relay != nil {
		numbers = append(numbers, fileNumber(d.fd, keptRelayR), fileNumber(d.fd, keptRelayW))
		d.relay.close()
	}
	if d.input != nil {
		numbers = append(numbers, fileNumber(d.fd, keptInput))
		d.input.close()
	}
	return numbers
}

// adoptFiles takes what was kept of a stream when an earlier program ended.
func (d *durable) adoptFiles(files map[byte]*os.File) (end *os.File) {
	take := func(kind int) *os.File {
		number := fileNumber(d.fd, kind)
		f := files[number]
		delete(files, number)
		return f
	}
	end = take(keptEnd)
	if f := take(keptInput); f != nil {
		d.input = &inputFile{file: f}
	}
	if f := take(keptBacking); f != nil {
		if d.backing, d.spoilt = streams.OpenBacking(f); d.spoilt != nil {
			f.Close()
		}
	}
	switch r, w := take(keptRelayR), take(keptRelayW); {
	case r != nil && w != nil:
		d.relay = &relay{r, w}
	case r != nil:
		r.Close()
		fallthrough
	case end != nil && d.fd >= firstCustomFD:
		d.abandon() // it was just about to begin, and nothing is in it
	}
	return end
}

// startOver goes on with a stream when what an earlier program has read of it cannot be
// taken over: what this one reads is lost with it too.
func (d *durable) startOver() {
	d.lost = true
	d.abandon()
	d.tell(fmt.Errorf("what was read before cannot be taken over: %w", d.spoilt))
}
