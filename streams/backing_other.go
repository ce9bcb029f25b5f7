//go:build !linux

package streams

import "errors"

var errNoBacking = errors.New("streams are backed on Linux only")

// NewBacking fails: Backings are made on Linux only.
func NewBacking(string) (*Backing, error) { return nil, errNoBacking }

// Fill fails.
func (b *Backing) Fill(int, []byte) (int, error) { return 0, errNoBacking }

func (b *Backing) punch(int64, int64) {}
