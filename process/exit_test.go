package process

import (
	"testing"
)

func TestExitStatus(t *testing.T) {
	p := run(t, program("exit", "7"), Options{})
	exit := end(t, p)
	if exit.ExitStatus != 7 || exit.TermSignal != 0 || exit.Reason != ReasonExited || exit.OSPid != p.OSPid() {
		t.Errorf("got %+v", exit)
	}
}

func TestSay(t *testing.T) {
	p := run(t, program("say", "a\n", "b"), Options{})
	if got := output(t, p, "stdout"); got != "a\nb" {
		t.Errorf("got %q", got)
	}
	end(t, p)
}

func TestStopHang(t *testing.T) {
	p := run(t, program("hang"), Options{})
	saying(t, p, "stdout", "up")
	t.Log(p.Stats(t.Context()))
	p.Stop("")
	t.Logf("%+v", end(t, p))
}
