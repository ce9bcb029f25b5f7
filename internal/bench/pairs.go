package main

import (
	"context"
	"fmt"
	"time"
)

// runLimit bounds one run of one side, or of both in turns. The longest take some seconds on a busy
// machine.
const runLimit = 3 * time.Minute

// result is what an axis brought, by measure.
type result struct {
	axis   axis
	values [2][][]float64 // of each side, one of each pair
	ratios [][]float64    // second side to first, of each pair; or how much more
}

// measurePairs runs both sides of an axis in turns, and whoever went first goes
// second the next time.
func measurePairs(ctx context.Context, l *lab, a axis, sides [2]side, pairs int) (result, error) {
	if a.maxPairs > 0 {
		pairs = min(pairs, a.maxPairs)
	}
	r := result{axis: a, ratios: make([][]float64, len(a.measures))}
	for i := range r.values {
		r.values[i] = make([][]float64, len(a.measures))
	}
	for pair := range pairs {
		pairValues, err := measurePair(ctx, l, a, sides, pair)
		if err != nil {
			return result{}, err
		}
		for m := range a.measures {
			for i := range sides {
				r.values[i][m] = append(r.values[i][m], pairValues[i][m])
			}
			r.ratios[m] = append(r.ratios[m], a.measures[m].goal.compare(pairValues[0][m], pairValues[1][m]))
		}
		first := a.measures[0]
		fmt.Fprintf(l.log, "%s, pair %d of %d: %s %s, %s %s %s (%s)\n", a.name, pair+1, pairs,
			sides[0].name, figure(pairValues[0][0]), sides[1].name, figure(pairValues[1][0]), first.unit, figure(r.ratios[0][pair]))
	}
	return r, nil
}

// measurePair has both sides do the work once. The first is the one that begins.
func measurePair(ctx context.Context, l *lab, a axis, sides [2]side, first int) (values [2][]float64, err error) {
	if a.begin != nil {
		return runInTurns(ctx, l, a, sides, first)
	}
	for turn := range sides {
		i := (first + turn) % len(sides)
		if values[i], err = runOnce(ctx, l, a, sides[i]); err != nil {
			return values, fmt.Errorf("%s: %w", sides[i].name, err)
		}
	}
	return values, nil
}

func runOnce(ctx context.Context, l *lab, a axis, s side) ([]float64, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	values, err := a.run(ctx, l, s)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return values, err
}

func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, runLimit, fmt.Errorf("not done after %v", runLimit))
}
