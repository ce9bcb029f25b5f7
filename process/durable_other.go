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

var (
	errNoKeeper = errors.New("programs are kept on Linux only")
)

func (d *durable) read(*streams.Log, int) (int, bool, error)  { return 0, false, errNoKeeper }
func (d *durable) write(*os.File, []byte, int64) (int, error) { return 0, errNoKeeper }
func (d *durable) inputOffset() int64                         { return 0 }
func (d *durable) underWay() int                              { return 0 }
