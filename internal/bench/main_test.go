package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if ran, err := runRole(os.Args[1:]); ran {
		exit(err)
	}
	os.Exit(m.Run())
}

// TestQuick measures one small pair of an axis of each kind, with the daemon as
// it is in this tree. What comes out is the machine's affair.
func TestQuick(t *testing.T) {
	if err := measurable(); err != nil {
		t.Skip(err)
	}
	var table, progress bytes.Buffer
	axes := []string{"fanout-16k-10", "logs-write-10", "logs-grep-literal", "start-1000", "replace", "memory-subscribers-eventsource"}
	if err := run(t.Context(), []string{"-quick", "-axes", strings.Join(axes, ",")}, &table, &progress); err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	for _, a := range axes {
		row := ""
		for line := range strings.Lines(table.String()) {
			if strings.HasPrefix(line, "| "+a+" |") {
				row = line
			}
		}
		if cells := strings.Split(row, "|"); len(cells) != 10 || strings.Contains(row, "–") && !strings.Contains(row, "(") {
			t.Errorf("%s: %q", a, row)
		}
	}
	if t.Failed() {
		t.Log(&table)
	}
}

func TestWrongFlags(t *testing.T) {
	for _, args := range [][]string{{"-axes", "fan"}, {"-axes", "nothing"}, {"extra"}, {"-pairs", "many"}} {
		var out bytes.Buffer
		if err := run(t.Context(), args, &out, &out); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}

func TestListNamesEveryAxisOnce(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-list"}, &out, &out); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for line := range strings.Lines(out.String()) {
		var name string
		fmt.Sscan(line, &name)
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
	}
	if len(seen) != len(axes()) {
		t.Errorf("%d of %d axes:\n%s", len(seen), len(axes()), &out)
	}
}
