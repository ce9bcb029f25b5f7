package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
)

// counted does some pieces of work, the last of which may fail.
type counted struct {
	name   string
	done   *[]string
	left   int
	result error
}

func (c *counted) next(context.Context) (bool, error) {
	*c.done = append(*c.done, c.name)
	c.left--
	if c.left == 0 {
		return false, c.result
	}
	return true, nil
}

func (c *counted) values() ([]float64, error) { return []float64{2}, nil }

func (c *counted) end() error {
	*c.done = append(*c.done, c.name+" ends")
	return nil
}

func TestSidesTakeTurns(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		second error
		want   []string
	}{
		{nil, []string{"a", "b", "b", "a", "a", "b", "b ends", "a ends", "b", "a", "a", "b", "b", "a", "b ends", "a ends"}},
		{broken, []string{"a", "b", "b", "a", "a", "b", "b ends", "a ends"}},
	} {
		var done []string
		a := axis{name: "counted", measures: []measure{{name: "pieces"}}, begin: func(_ context.Context, _ *lab, s side) (turns, error) {
			side := &counted{name: s.name, done: &done, left: 3}
			if s.name == "b" {
				side.result = c.second
			}
			return side, nil
		}}
		r, err := measurePairs(t.Context(), &lab{log: io.Discard}, a, [2]side{{name: "a"}, {name: "b"}}, 2)
		if !errors.Is(err, c.second) || !slices.Equal(done, c.want) {
			t.Errorf("%v: %q", err, done)
		}
		if c.second == nil && !slices.Equal(r.ratios[0], []float64{1, 1}) {
			t.Errorf("%v", r.ratios)
		}
	}
}
