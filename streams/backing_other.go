//go:build !linux

package streams

import "errors"

var errNoBacking = errors.New("streams are backed on Linux only")

// NewBacking fails: Backings are made on Linux only.
func NewBacking(string) (*Backing, error) { return nil, errNoBacking }

func (b *Backing) mapped(int64, int) []byte     { return nil }
func (b *Backing) allocate(int64, int64) error  { return errNoBacking }
func (b *Backing) punch(int64, int64)           {}
func (b *Backing) splice(int, int) (int, error) { return 0, errNoBacking }
func unmap([]byte)                              {}
func waiting(int) (int, error)                  { return 0, errNoBacking }
