package main

import (
	"context"
	"fmt"
)

// turns is a side whose work comes in short pieces.
type turns interface {
	next(ctx context.Context) (more bool, err error) // does one piece; more is the same on both sides
	values() ([]float64, error)                      // of all that was done, one for each measure
	end() error                                      // ends its programs
}

// runInTurns has both sides do the work once, a piece each in turns: a machine that is
// slower for some seconds, or for a tenth of one, is so for both. Whoever went first
// with one piece goes second with the next.
func runInTurns(ctx context.Context, l *lab, a axis, sides [2]side, first int) (values [2][]float64, err error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	defer func() {
		if ctx.Err() != nil {
			err = context.Cause(ctx) // rather than what came of it
		}
	}()
	var at [len(sides)]turns
	for i, s := range sides {
		if at[i], err = a.begin(ctx, l, s); err != nil {
			return values, fmt.Errorf("%s: %w", s.name, err)
		}
		defer both(&err, at[i].end)
	}
	for more := true; more; first++ {
		for turn := range sides {
			i := (first + turn) % len(sides)
			if more, err = at[i].next(ctx); err != nil {
				return values, fmt.Errorf("%s: %w", sides[i].name, err)
			}
		}
	}
	for i, s := range sides {
		if values[i], err = at[i].values(); err != nil {
			return values, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return values, nil
}
