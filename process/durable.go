package process

import (
	"fmt"
	"os"

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

// durable is one stream of an instance whose child a Keeper has: what has to
// outlive this program is handed over before it is used.
type durable struct {
	child   KeptChild
	fd      int // the child's
	label   string
	backing *streams.Backing // nil before the first byte
	relay   *relay           // between a socket and the backing; nil: it is a pipe
	input   *os.File         // nil before the first byte that is written
}

func (d *durable) keep(kind int, f *os.File) error {
	return d.child.Keep(fileNumber(d.fd, kind), f)
}

// begin makes the backing of a stream that has something to be read.
func (d *durable) begin(log *streams.Log) error {
	b, err := streams.NewBacking("gaffer-" + d.label)
	if err != nil {
		return err
	}
	if err := d.keep(keptBacking, b.File()); err != nil {
		b.File().Close()
		return err
	}
	d.backing = b
	log.Back(b)
	return nil
}

// closeEnd has the keeper close its copy of our end, which must go first: the
// child sees the end when nobody has it open.
func (d *durable) closeEnd() { d.child.CloseFile(fileNumber(d.fd, keptEnd)) }

// release lets go of everything but what was read.
func (d *durable) release() {
	for kind := range keptKinds {
		if kind != keptBacking {
			d.child.CloseFile(fileNumber(d.fd, kind))
		}
	}
	if d.relay != nil {
		d.relay.close()
	}
	if d.input != nil {
		d.input.Close()
	}
}

// durables are those of an instance, by the child's fd; empty without a Keeper.
type durables map[int]*durable

// durable is that of the stream with a label; nil without a Keeper.
func (p *Process) durable(fd int, label string) *durable {
	child, ok := p.child.(KeptChild)
	if !ok {
		return nil
	}
	if d := p.kept[fd]; d != nil {
		return d // adopted
	}
	d := &durable{child: child, fd: fd, label: label}
	p.kept[fd] = d
	return d
}

// adoptFiles takes what was kept of a stream when an earlier program ended.
func (d *durable) adoptFiles(files map[byte]*os.File) (end *os.File, err error) {
	take := func(kind int) *os.File {
		number := fileNumber(d.fd, kind)
		f := files[number]
		delete(files, number)
		return f
	}
	end = take(keptEnd)
	d.input = take(keptInput)
	if r, w := take(keptRelayR), take(keptRelayW); r != nil && w != nil {
		d.relay = &relay{r, w}
	} else if r != nil { // it was about to be kept, and nothing is in it
		r.Close()
		d.child.CloseFile(fileNumber(d.fd, keptRelayR))
	}
	if f := take(keptBacking); f != nil {
		if d.backing, err = streams.OpenBacking(f); err != nil {
			return end, fmt.Errorf("take over %s: %w", d.label, err)
		}
	}
	return end, nil
}
