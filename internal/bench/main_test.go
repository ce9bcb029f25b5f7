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
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the programs that the tests run end at once
	os.Exit(m.Run())
}

// TestQuick measures one small pair of an axis of each kind, with the daemon as
// it is in this tree. What comes out is the machine's affair.
func TestQuick(t *testing.T) {
	if err := measurable(); err != nil {
		t.Skip(err)
	}
	var table, progress bytes.Buffer
	axes := []string{
		"fanout-16k-10", "sse-10", "ws-10", "logs-10", "flood-both", "echo-10", "start-200", "start-file-200", "replace-10", "status-100",
		"memory-eventsource-100", "listeners-1000", "logged-500", "idle-100", "boot", "keeper-fanout", "keeper-start-200",
		"keeper-memory-100", "kept-replace", "kept-start-1000", "kept-echo-1", "logs-write-10", "logs-grep-literal",
	}
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
		if cells := strings.Split(row, "|"); len(cells) != 10 || strings.TrimSpace(cells[4]) == "–" {
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

func TestChosenTwiceIsMeasuredOnce(t *testing.T) {
	chosen, err := choose("boot,flood-both,flood")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range chosen {
		names = append(names, a.name)
	}
	if strings.Join(names[:3], " ") != "boot flood-both flood-both-64mib" || len(names) != 1+len(floodAxes()) {
		t.Errorf("%q", names)
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
