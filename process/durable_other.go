//go:build !linux

package process

import (
	"errors"
	"os"

	"github.com/gafferd/gaffer/streams"
)

// There are no Keepers elsewhere.

type relay struct{ r, w *os.File }

func (r *relay) close() {}

func (d *durable) openRelay() error { return errNoKeeper }

var errNoKeeper = errors.New("programs are kept on Linux only")

type inputFile struct{ file *os.File }

func newInputFile(string) (*inputFile, error)   { return nil, errNoKeeper }
func (f *inputFile) put([]byte, int64) error    { return errNoKeeper }
func (f *inputFile) send(int, int) (int, error) { return 0, errNoKeeper }
func (f *inputFile) accepted() int64            { return 0 }
func (f *inputFile) forget(int64, int64)        {}
func (f *inputFile) close()                     {}

func (d *durable) read(*streams.Log, int) (int, bool, error) { return 0, false, errNoKeeper }
func (d *durable) underWay() int                             { return 0 }
