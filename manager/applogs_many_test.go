package manager

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/gafferd/gaffer/streams"
)

// manyOutputs is a manager with an app of so many instances that say nothing, and
// one more.
func manyOutputs(t testing.TB, count int) (m *Manager, one *streams.Log) {
	t.Helper()
	m = New(Options{Launcher: &fakeLauncher{}, Environ: []string{}})
	t.Cleanup(func() { m.Shutdown(context.Background()) })
	if _, err := m.Create(quiet("web")); err != nil {
		t.Fatal(err)
	}
	a := m.outputs.hold("web")
	t.Cleanup(func() { m.outputs.release(a) })
	for i := range count + 1 {
		one = streams.NewLog(streams.Options{Sequence: m.sequence, Bell: &a.bell})
		m.outputs.add(a, newOutput(outputKey{1000 + i, 1}, "web", i, one))
	}
	return m, one
}

// followLines has a reader of the app follow one instance, line by line.
func followLines(t testing.TB, m *Manager, one *streams.Log) (next func()) {
	t.Helper()
	r, err := m.Logs("web", LogQuery{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	n := 0
	return func() {
		n++
		fmt.Fprintln(one, n)
		if line, err := r.Next(context.Background(), 0); err != nil || string(line.Text) != fmt.Sprint(n) {
			t.Fatalf("line %d is %q, %v", n, line.Text, err)
		}
	}
}

// Whoever follows an app does not go through all of its instances again for every
// line of one of them.
func TestALineAmongManyInstances(t *testing.T) {
	m, one := manyOutputs(t, 1000)
	next := followLines(t, m, one)
	next()
	const lines = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range lines {
		next()
	}
	runtime.ReadMemStats(&after)
	// The race detector has pools forget, which is 14 KiB a line; all instances are 200.
	if each := (after.TotalAlloc - before.TotalAlloc) / lines; each > 32<<10 {
		t.Errorf("a line takes %d bytes", each)
	}
}

func BenchmarkFollowOneOf1000(b *testing.B) {
	m, one := manyOutputs(b, 1000)
	next := followLines(b, m, one)
	b.ReportAllocs()
	for b.Loop() {
		next()
	}
}
