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

func TestJudgeGoesByTheUpperQuartile(t *testing.T) {
	q := quartiles{lower: 0.7, median: 0.8, upper: 0.9, most: 1}
	for _, c := range []struct {
		goal            goal
		target, reached string
	}{
		{goal{}, "", ""},
		{goal{ratioAtLeast, 0.85}, "ratio ≥ 0.850", "reached"},
		{goal{ratioAtLeast, 0.95}, "ratio ≥ 0.950", "not reached"},
		{goal{ratioAtMost, 0.95}, "ratio ≤ 0.950", "reached"},
		{goal{ratioAtMost, 0.85}, "ratio ≤ 0.850", "not reached"},
		{goal{differenceAtMost, 1}, "more by ≤ 1", "reached"},
		{goal{differenceAtMost, 0.8}, "more by ≤ 0.800", "not reached"},
		{goal{valueAtMost, 1}, "≤ 1", "reached"},
		{goal{valueAtMost, 0.8}, "≤ 0.800", "not reached"},
		{goal{valueAtLeast, 0.85}, "≥ 0.850", "reached"},
		{goal{kind: never}, "0 in every run", "not reached"},
	} {
		if target, reached := c.goal.judge(q, q); target != c.target || reached != c.reached {
			t.Errorf("%v: %q %q, want %q %q", c.goal, target, reached, c.target, c.reached)
		}
	}
	if _, reached := (goal{kind: never}).judge(quartiles{}, q); reached != "reached" {
		t.Errorf("nothing was lost: %q", reached)
	}
	unmeasured := summarize(nil)
	if _, reached := (goal{valueAtMost, 1}).judge(unmeasured, unmeasured); reached != "not reached" {
		t.Errorf("nothing was measured: %q", reached)
	}
}

func TestBetweenBuildsAreNoTargetsOfOthers(t *testing.T) {
	a := axis{measures: []measure{{goal: goal{ratioAtLeast, 1}}, {goal: goal{valueAtMost, 2}}, {goal: goal{differenceAtMost, 3}}}}
	b := a.betweenBuilds()
	if b.measures[0].goal != (goal{}) || b.measures[1].goal != a.measures[1].goal || b.measures[2].goal != (goal{}) {
		t.Errorf("%v", b.measures)
	}
	if a.measures[0].goal == (goal{}) {
		t.Error("the axis itself was changed")
	}
}

func TestCompare(t *testing.T) {
	if got := (goal{ratioAtMost, 1}).compare(4, 6); got != 1.5 {
		t.Error(got)
	}
	if got := (goal{differenceAtMost, 1}).compare(4, 6); got != 2 {
		t.Error(got)
	}
}

// TestGrowth has a side whose cost is the same whatever there is, and one whose
// cost grows faster than that.
func TestGrowth(t *testing.T) {
	of := func(name string, size float64, values [2][][]float64) result {
		measures := []measure{{name: "CPU", growth: total}, {name: "each", growth: each}, {name: "started", growth: rate}, {name: "lost"}}
		return result{axis: axis{name: name, measures: measures, scale: scale{"things", size}}, values: values}
	}
	results := []result{
		of("some", 10, [2][][]float64{{{7}, {50}, {10}, {0}}, {{1}, {2}, {200}, {0}}}),
		of("many", 100, [2][][]float64{{{7}, {5}, {100}, {0}}, {{100}, {20}, {20}, {0}}}),
		of("others", 1, [2][][]float64{{{unknown}, {1}, {1}, {0}}, {{1}, {1}, {1}, {0}}}),
	}
	results[2].axis.scale.of = "other things"
	var out strings.Builder
	printGrowth(&out, [2]side{{name: "raw"}, {name: "gafferd"}}, results)
	for _, want := range []string{
		"| ten times as many | cost | raw grows by | gafferd grows by |",
		"| some to many | CPU | 0.00 | 2.00 |\n",
		"| some to many | each | 0.00 | 2.00 |\n",
		"| some to many | started | 0.00 | 2.00 |\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "lost") || strings.Contains(out.String(), "others") {
		t.Errorf("there is more than asked for:\n%s", &out)
	}
}

func TestTable(t *testing.T) {
	a := axis{name: "work", measures: []measure{{name: "done", unit: "MB/s", goal: goal{ratioAtLeast, 0.8}}, {name: "lost", unit: "bytes", goal: goal{kind: never}}}}
	r := result{axis: a,
		values: [2][][]float64{{{100, 200}, {0, 0}}, {{90, 200}, {0, 16}}},
		ratios: [][]float64{{0.9, 1}, {unknown, unknown}},
	}
	var out strings.Builder
	printTable(&out, [2]side{{name: "raw"}, {name: "gafferd"}}, []result{r})
	for _, want := range []string{
		"| axis | measure | raw | gafferd |",
		"| work | done, MB/s | 150 | 145 | 0.950 (0.925–0.975) | ratio ≥ 0.800 | reached | 2 |",
		"|  | lost, bytes | 0 | 16 | – | 0 in every run | not reached | 2 |",
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
