package main

import (
	"fmt"
	"io"
	"math"
)

// printGrowth prints how costs grow where one axis does what another does with
// ten times as many: 1 is in proportion, 0 is not at all.
func printGrowth(w io.Writer, sides [2]side, results []result) {
	header := fmt.Sprintf("\n| ten times as many | cost | %s grows by | %s grows by |\n| --- | --- | ---: | ---: |\n", sides[0].name, sides[1].name)
	for _, small := range results {
		for _, large := range results {
			if small.axis.scale.of == "" || small.axis.scale.of != large.axis.scale.of || large.axis.scale.size != 10*small.axis.scale.size {
				continue
			}
			for i, m := range small.axis.measures {
				if m.growth == noGrowth {
					continue
				}
				fmt.Fprintf(w, "%s| %s to %s | %s | %s | %s |\n", header, small.axis.name, large.axis.name, m.name,
					power(exponent(small, large, 0, i)), power(exponent(small, large, 1, i)))
				header = ""
			}
		}
	}
}

// exponent is how a side's cost goes with the size.
func exponent(small, large result, side, measure int) float64 {
	cost := func(r result) float64 {
		return r.axis.measures[measure].growth.cost(summarize(r.values[side][measure]).median, r.axis.scale.size)
	}
	return math.Log(cost(large)/cost(small)) / math.Log(large.axis.scale.size/small.axis.scale.size)
}

func power(exponent float64) string {
	if math.IsNaN(exponent) || math.IsInf(exponent, 0) {
		return "–"
	}
	return fmt.Sprintf("%.2f", exponent)
}
