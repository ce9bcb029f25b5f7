//go:build !unix

package main

import (
	"context"
	"io"
)

// input is the standard input. A read that waits when ctx ends goes on waiting.
func (c *cli) input(context.Context) (in io.Reader, release func()) {
	return c.stdin, func() {}
}
