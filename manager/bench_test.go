package manager

import "testing"

// What the manager itself costs for an instance's whole life, beside what the
// operating system does: ns and allocations for 2,000 of them.
func BenchmarkStartAndStop2000(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		m := New(Options{Launcher: &fakeLauncher{}, Environ: []string{}})
		o, err := m.Create(quiet("web", count(2000)))
		if err != nil {
			b.Fatal(err)
		}
		if err := o.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := m.Shutdown(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	var e Events
	b.ReportAllocs()
	for b.Loop() {
		e.publish(Event{Type: "exit", Name: "web"})
	}
}
