package main

import (
	"math"
	"slices"
)

// quartiles sums up some values.
type quartiles struct{ lower, median, upper, most float64 }

// percentile is the value below which that share of the values lies.
func percentile(values []float64, share float64) float64 {
	return quantile(slices.Sorted(slices.Values(values)), share)
}

// summarize ignores unknown values. Without any other, all are unknown.
func summarize(values []float64) quartiles {
	known := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	slices.Sort(known)
	return quartiles{quantile(known, 0.25), quantile(known, 0.5), quantile(known, 0.75), quantile(known, 1)}
}

// quantile interpolates between the two sorted values that are next to the place
// asked for.
func quantile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return unknown
	}
	at := share * float64(len(sorted)-1)
	below := int(at)
	if below+1 >= len(sorted) {
		return sorted[below]
	}
	part := at - float64(below)
	return sorted[below]*(1-part) + sorted[below+1]*part
}
