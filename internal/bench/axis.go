package main

import (
	"context"
	"math"
	"slices"
)

// axis is one kind of work that both sides can do. Another axis is another file
// and a line in axes.
type axis struct {
	name     string // words joined by dashes, the general ones first
	about    string // for -list
	measures []measure
	maxPairs int // 0: as many as asked for
	scale    scale

	// run does the work once with programs of its own, which are gone when it
	// returns, and gives one value for each measure. unknown is a value too.
	run func(ctx context.Context, l *lab, s side) ([]float64, error)

	// begin stands in the place of run where the work comes in pieces so short
	// that both sides, which are there at once, take turns at each.
	begin func(ctx context.Context, l *lab, s side) (turns, error)
}

// betweenBuilds is the axis without what a build has to reach beside something
// else.
func (a axis) betweenBuilds() axis {
	a.measures = slices.Clone(a.measures)
	for i, m := range a.measures {
		switch m.goal.kind {
		case ratioAtLeast, ratioAtMost, differenceAtMost:
			a.measures[i].goal = goal{}
		}
	}
	return a
}

// scale is where an axis stands among those that do the same with ten times as
// many of something. The zero value is nowhere.
type scale struct {
	of   string // what there is more of, in the axes that belong together
	size float64
}

// axes are all that can be measured, in the order of the table.
func axes() []axis {
	return slices.Concat(
		fanoutAxes(),
		feedAxes(),
		floodAxes(),
		echoAxes(),
		startAxes(),
		childMemoryAxes(),
		replaceAxes(),
		statusAxes(),
		subscriberMemoryAxes(),
		listenerAxes(),
		loggedAxes(),
		idleAxes(),
		bootAxes(),
		keeperAxes(),
		keptAxes(),
		logWriteAxes(),
		[]axis{logTailAxis()},
		logGrepAxes(),
	)
}

// unknown is the value of a measure that a side cannot give.
var unknown = math.NaN()

// measure is one figure of an axis.
type measure struct {
	name string
	unit string
	goal goal

	growth growth
}

// growth is how a measure tells the cost of all that an axis does, of which
// grows prints the exponent.
type growth int

const (
	noGrowth growth = iota
	total           // the value is the cost
	each            // the value is that of one of as many as scale.size
	rate            // of so many of them in a second
)

// cost is that of all, up to a constant factor.
func (g growth) cost(value, size float64) float64 {
	switch g {
	case total:
		return value
	case each:
		return value * size
	case rate:
		return size / value
	}
	return unknown
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
	differenceAtMost // the daemon's value less the other side's
	never            // the daemon's own is 0 in every run
)

// side is one of the two programs that are compared.
type side struct {
	name    string
	gafferd string // the binary; empty is the bare loop
}

func (s side) raw() bool { return s.gafferd == "" }
