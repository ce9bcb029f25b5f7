package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
)

// printTable prints a Markdown table with a row for each measure.
func printTable(w io.Writer, sides [2]side, results []result) {
	fmt.Fprintf(w, "\n| axis | measure | %s | %s | ratio (quartiles) | target | reached | pairs |\n", sides[0].name, sides[1].name)
	fmt.Fprintln(w, "| --- | --- | ---: | ---: | ---: | --- | --- | ---: |")
	for _, r := range results {
		name := r.axis.name
		for i, m := range r.axis.measures {
			first, second, ratio := summarize(r.values[0][i]), summarize(r.values[1][i]), summarize(r.ratios[i])
			target, reached := m.goal.judge(second, ratio)
			if m.goal.kind == never {
				first.median, second.median, ratio.median = first.most, second.most, unknown
			}
			fmt.Fprintf(w, "| %s | %s, %s | %s | %s | %s | %s | %s | %d |\n", name, m.name, m.unit,
				figure(first.median), figure(second.median), m.goal.spread(ratio), target, reached, len(r.ratios[i]))
			name = ""
		}
	}
}

// compare is what a pair says: how many times the first value the second is, or
// where that is what counts, by how much it is more.
func (g goal) compare(first, second float64) float64 {
	if g.kind == differenceAtMost {
		return second - first
	}
	return second / first
}

// judge tells the target, and whether the upper quartile reaches it.
func (g goal) judge(value, ratio quartiles) (target, reached string) {
	limit := figure(g.limit)
	switch g.kind {
	case ratioAtLeast:
		return "ratio ≥ " + limit, verdict(ratio.upper >= g.limit)
	case ratioAtMost:
		return "ratio ≤ " + limit, verdict(ratio.upper <= g.limit)
	case differenceAtMost:
		return "more by ≤ " + limit, verdict(ratio.upper <= g.limit)
	case valueAtMost:
		return "≤ " + limit, verdict(value.upper <= g.limit)
	case valueAtLeast:
		return "≥ " + limit, verdict(value.upper >= g.limit)
	case never:
		return "0 in every run", verdict(value.most == 0)
	}
	return "", ""
}

func verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "not reached"
}

// spread is a median with its quartiles, where there is one.
func (g goal) spread(q quartiles) string {
	if math.IsNaN(q.median) || math.IsInf(q.median, 0) {
		return "–"
	}
	text := fmt.Sprintf("%s (%s–%s)", figure(q.median), figure(q.lower), figure(q.upper))
	if g.kind == differenceAtMost {
		return "more by " + text
	}
	return text
}

// figure prints three digits that count.
func figure(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case v == math.Trunc(v) && math.Abs(v) < 1e15:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	return strconv.FormatFloat(v, 'f', min(digits, 6), 64)
}
