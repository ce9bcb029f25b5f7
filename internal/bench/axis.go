package main

import (
	"context"
	"math"
)

// axis is one kind of work that both sides can do. Another axis is another file
// and a line in axes.
type axis struct {
	name     string // words joined by dashes, the general ones first
	about    string // for -list
	measures []measure
	maxPairs int // 0: as many as asked for

	// run does the work once with programs of its own, which are gone when it
	// returns, and gives one value for each measure. unknown is a value too.
	run func(ctx context.Context, l *lab, s side) ([]float64, error)
}

// axes are all that can be measured, in the order of the table.
func axes() []axis {
	var all []axis
	all = append(all, fanoutAxes()...)
	all = append(all, logWriteAxes()...)
	all = append(all, logTailAxis())
	all = append(all, logGrepAxes()...)
	all = append(all, startAxis(), replaceAxis(), childMemoryAxis())
	return append(all, subscriberMemoryAxes()...)
}

// unknown is the value of a measure that a side cannot give.
var unknown = math.NaN()

// measure is one figure of an axis.
type measure struct {
	name string
	unit string
	goal goal
}

// goal is what a measure has to reach, and which direction is better. The zero
// value is none: the figure is information.
type goal struct {
	kind  goalKind
	limit float64
}

type goalKind int

const (
	noGoal       goalKind = iota
	ratioAtLeast          // of the daemon's value to the other side's
	ratioAtMost
	valueAtMost // the daemon's own
	valueAtLeast
	never // the daemon's own is 0 in every run
)

// side is one of the two programs that are compared.
type side struct {
	name    string
	gafferd string // the binary; empty is the bare loop
}

func (s side) raw() bool { return s.gafferd == "" }
