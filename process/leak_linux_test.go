package process

import (
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestLivesLeaveNothing(t *testing.T) {
	contained(t, func(t *testing.T, l *LocalLauncher) {
		live := func() {
			var work sync.WaitGroup
			for i := range 10 {
				work.Go(func() {
					s := shell("cat; echo; (sleep 100 &); exit 3")
					s.RedirectInput, s.CustomStreams = true, []string{"ctl"}
					if i%5 == 0 {
						s = shell("echo up; sleep 100")
					}
					p, err := Start(&s, Options{Launcher: l})
					if err != nil {
						t.Error(err)
						return
					}
					if in, err := p.Input("stdin"); err == nil {
						in.Copy(t.Context(), strings.NewReader("hello"), -1)
						in.Close()
					} else {
						p.Stop("")
					}
					<-p.Done()
				})
			}
			work.Wait()
		}
		live() // once, for what is made once
		goroutines, files := runtime.NumGoroutine(), descriptors(t)
		for range 10 {
			live()
		}
		poll(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines })
		// The reaper opens files of /proc for a moment.
		poll(t, "the descriptors to be closed", func() bool { return descriptors(t) <= files })
		poll(t, "the orphans to be reaped", func() bool { return len(zombies()) == 0 })
		if l.cgroups != nil {
			if _, err := os.Stat(l.cgroups.dir); !os.IsNotExist(err) {
				t.Errorf("%s is left: %v", l.cgroups.dir, err)
			}
		}
		family.mu.Lock()
		defer family.mu.Unlock()
		if len(family.pids) > 0 {
			t.Errorf("taken for children still: %v", family.pids)
		}
	})
}

// idle starts n children that do nothing.
func idle(t testing.TB, n int) (stop func()) {
	t.Helper()
	l, err := NewLocalLauncher(LauncherOptions{})
	if err != nil {
		t.Fatal(err)
	}
	children := make([]*Process, n)
	for i := range children {
		s := NewSpec("idle", "sleep 1000")
		if children[i], err = Start(&s, Options{Launcher: l}); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		for _, p := range children {
			p.Stop("")
		}
		for _, p := range children {
			<-p.Done()
		}
		l.Close()
	}
}

func TestIdleChildrenHoldNoThreads(t *testing.T) {
	const n = 200
	idle(t, 1)() // for the threads that are made once
	none := idle(t, 0)
	threads, goroutines := threadCount(t), runtime.NumGoroutine()
	none()
	stop := idle(t, n)
	defer stop()
	if grown := threadCount(t) - threads; grown > 20 {
		t.Errorf("%d threads more for %d children", grown, n)
	}
	if grown := runtime.NumGoroutine() - goroutines; grown > 3*n {
		t.Errorf("%d goroutines more for %d children with two streams each, want at most %d", grown, n, 3*n)
	}
}

// BenchmarkIdleChildMemory reports what a child with stdout and stderr costs
// while it does nothing.
func BenchmarkIdleChildMemory(b *testing.B) {
	const n = 200
	idle(b, 10)()
	used := func() (heap, stacks, sys uint64) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse, m.StackInuse, m.Sys
	}
	for b.Loop() {
		heap, stacks, _ := used()
		stop := idle(b, n)
		heapNow, stacksNow, _ := used()
		b.ReportMetric(float64(heapNow-heap)/n, "heap-B/child")
		b.ReportMetric(float64(stacksNow-stacks)/n, "stack-B/child")
		stop()
	}
}

func BenchmarkStart(b *testing.B) {
	for name, o := range map[string]LauncherOptions{"cgroup": {}, "plain": {NoCgroups: true}} {
		b.Run(name, func(b *testing.B) {
			l, err := NewLocalLauncher(o)
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			spec := NewSpec("true", "/bin/true")
			for b.Loop() {
				p, err := Start(&spec, Options{Launcher: l})
				if err != nil {
					b.Fatal(err)
				}
				<-p.Done()
			}
		})
	}
}
