package manager

import (
	"context"
	"slices"
	"syscall"
	"testing"
)

// TestUnreadOutputIsTold has no memory for what an instance writes.
func TestUnreadOutputIsTold(t *testing.T) {
	bubble(t, new(fakeLauncher), func(f *fixture) {
		f.do(f.Create(quiet("web")))
		s, err := f.find("web")
		if err != nil {
			t.Fatal(err)
		}
		failed := f.Events().Subscribe(pattern(t, "read_failed"), 0)
		inst := s.sighted()[0].instance
		told := s.optionsFor(inst, nil).Unread
		told("stdout", 0, syscall.ENOMEM)
		told("stderr", 17, syscall.ENOSPC)
		var reasons []string
		for range 2 {
			ev, _, err := failed.Next(context.Background(), 0)
			if err != nil || ev.Name != "web" || ev.PID != inst.pid || ev.Index != 1 {
				t.Fatal(ev, err)
			}
			reasons = append(reasons, ev.Reason)
		}
		if want := []string{"stdout: cannot allocate memory", "stderr: 17 bytes are lost: no space left on device"}; !slices.Equal(reasons, want) {
			t.Errorf("%q", reasons)
		}
	})
}
