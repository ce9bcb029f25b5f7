package main

import (
	"math"
	"strings"
	"testing"
)

func TestSummarize(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   quartiles
	}{
		{[]float64{3}, quartiles{3, 3, 3, 3}},
		{[]float64{4, 1, 3, 2, 5}, quartiles{2, 3, 4, 5}},
		{[]float64{1, 2}, quartiles{1.25, 1.5, 1.75, 2}},
		{[]float64{unknown, 7, math.NaN()}, quartiles{7, 7, 7, 7}},
	} {
		if got := summarize(c.values); got != c.want {
			t.Errorf("%v: got %v, want %v", c.values, got, c.want)
		}
	}
	if got := summarize([]float64{unknown}); !math.IsNaN(got.median) {
		t.Errorf("nothing known: %v", got)
	}
}

func TestJudge(t *testing.T) {
	q := quartiles{lower: 0.7, median: 0.8, upper: 0.9, most: 1}
	for _, c := range []struct {
		goal            goal
		target, reached string
	}{
		{goal{}, "", ""},
		{goal{ratioAtLeast, 0.75}, "ratio ≥ 0.750", "yes"},
		{goal{ratioAtLeast, 0.85}, "ratio ≥ 0.850", "nearly"},
		{goal{ratioAtLeast, 2}, "ratio ≥ 2", "no"},
		{goal{ratioAtMost, 0.8}, "ratio ≤ 0.800", "yes"},
		{goal{ratioAtMost, 0.75}, "ratio ≤ 0.750", "nearly"},
		{goal{ratioAtMost, 0.5}, "ratio ≤ 0.500", "no"},
		{goal{valueAtMost, 1}, "≤ 1", "yes"},
		{goal{valueAtMost, 0.1}, "≤ 0.100", "no"},
		{goal{kind: never}, "0 in every run", "no"},
	} {
		if target, reached := c.goal.judge(q, q); target != c.target || reached != c.reached {
			t.Errorf("%v: %q %q, want %q %q", c.goal, target, reached, c.target, c.reached)
		}
	}
	if _, reached := (goal{kind: never}).judge(quartiles{}, q); reached != "yes" {
		t.Errorf("nothing was lost: %q", reached)
	}
}

func TestTable(t *testing.T) {
	a := axis{name: "work", measures: []measure{{"done", "MB/s", goal{ratioAtLeast, 0.8}}, {"lost", "bytes", goal{kind: never}}}}
	r := result{axis: a,
		values: [2][][]float64{{{100, 200}, {0, 0}}, {{90, 200}, {0, 16}}},
		ratios: [][]float64{{0.9, 1}, {unknown, unknown}},
	}
	var out strings.Builder
	printTable(&out, [2]side{{name: "raw"}, {name: "gafferd"}}, []result{r})
	for _, want := range []string{
		"| axis | measure | raw | gafferd |",
		"| work | done, MB/s | 150 | 145 | 0.950 (0.925–0.975) | ratio ≥ 0.800 | yes | 2 |",
		"|  | lost, bytes | 0 | 16 | – | 0 in every run | no | 2 |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 12: "12", 1234.56: "1235", 12.345: "12.3", 0.012345: "0.0123", 1e-9: "0.000000", -2.5: "-2.50"} {
		if got := figure(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}
