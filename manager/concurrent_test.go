package manager

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// disturb sends n requests at once to a process that has at most 8 instances.
func disturb(t *testing.T, m *Manager, name string, n int) {
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			var err error
			switch rand.IntN(6) {
			case 0:
				_, err = m.Stop(name)
			case 1:
				_, err = m.Restart(name)
			case 2:
				_, _, err = m.Scale(name, rand.IntN(9))
			case 3:
				if instances, _ := m.InstancesOf(name); len(instances) > 0 {
					m.StopPID(instances[rand.IntN(len(instances))].PID) // it may be gone by now
				}
			default:
				_, err = m.Start(name)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// However many requests come at once, the last one decides, no slot is ever
// taken twice (the launcher sees to that), and nothing is left over.
func TestTheLastOfManyRequestsDecides(t *testing.T) {
	slots := strings.Fields("web-1 web-2 web-3 web-4 web-5 web-6 web-7 web-8")
	for _, l := range []*fakeLauncher{
		{}, {stopFor: time.Second}, {takes: time.Second}, {stopFor: time.Second, takes: 700 * time.Millisecond},
	} {
		bubble(t, l, func(f *fixture) {
			f.do(f.Create(quiet("web", count(3))))
			for range 3 {
				disturb(t, f.Manager, "web", 200)
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Millisecond)
				disturb(t, f.Manager, "web", 20)

				n := rand.IntN(9)
				if _, _, err := f.Scale("web", n); err != nil {
					t.Error(err)
				}
				o, err := f.Start("web")
				if err != nil {
					t.Fatal(err)
				}
				if err := o.Wait(f.Context()); err != nil {
					t.Error(err)
				}
				f.wantAlive(strings.Join(slots[:n], " "))

				disturb(t, f.Manager, "web", 200)
				o, err = f.Stop("web")
				if err != nil {
					t.Fatal(err)
				}
				if err := o.Wait(f.Context()); err != nil {
					t.Error(err)
				}
				f.wantAlive("")
			}

			// Nobody says the last word: what is wanted is what there is.
			disturb(t, f.Manager, "web", 200)
			time.Sleep(time.Minute)
			synctest.Wait()
			st, err := f.Status("web")
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			if st.Active {
				n = st.NumProcesses
			}
			f.wantAlive(strings.Join(slots[:n], " "))
			if st.Running != n {
				t.Errorf("%d are said to run, %d do", st.Running, n)
			}
		})
	}
}

// The same while instances end by themselves and the name changes hands.
func TestNothingIsLeftOfManyLives(t *testing.T) {
	l := &fakeLauncher{stopFor: 10 * time.Millisecond}
	bubble(t, l, func(f *fixture) {
		f.do(f.Create(quiet("web", count(5))))
		for range 50 {
			l.killSome(2)
			disturb(t, f.Manager, "web", 10)
			if rand.IntN(3) == 0 {
				if _, err := f.Delete("web"); err != nil {
					t.Error(err)
				}
				if _, err := f.Create(quiet("web", count(rand.IntN(9)))); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		}
		f.do(f.Delete("web"))
		time.Sleep(time.Minute)
		synctest.Wait()
		f.wantAlive("")
		if n := len(f.Manager.pids.byPID); n != 0 {
			t.Errorf("%d instances are remembered", n)
		}
		if n := len(f.Manager.leaving); n != 0 {
			t.Errorf("%d deleted templates are remembered", n)
		}
	})
}

// What a change costs grows with the number of instances and no faster: a
// launch or an exit looks at its own slot only.
func TestManyInstances(t *testing.T) {
	const n = 4_000
	l := &fakeLauncher{}
	bubble(t, l, func(f *fixture) {
		f.over(f.do(f.Create(quiet("web", count(n)))))
		if st := f.wantState("web", StateRunning); st.Running != n {
			t.Errorf("%d run", st.Running)
		}
		_, o, err := f.Scale("web", n/2)
		f.over(f.do(o, err))
		f.over(f.do(f.Restart("web")))
		f.over(f.do(f.Stop("web")))
		if l.launches != n+n/2 {
			t.Errorf("%d launches", l.launches)
		}
		if len(f.Manager.pids.byPID) != keptExits {
			t.Errorf("%d instances are remembered", len(f.Manager.pids.byPID))
		}
	})
}
