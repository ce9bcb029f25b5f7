package httpapi

import (
	"errors"
	"testing"
)

// A refusal is a sentence, beside its code.
func TestUpgradeIsRefused(t *testing.T) {
	d := newDaemon(t, Options{Upgrade: func(string) error { return errors.New("it is no gafferd") }})
	want := `{"error":"conflict","reason":"nothing was changed, the daemon goes on as it was: it is no gafferd"}` + "\n"
	if a := d.want(409, "POST", "/_upgrade", ""); a.body != want {
		t.Errorf("got %s", a.body)
	}
	want = `{"error":"conflict","reason":"the daemon is one process (--no-keeper, or not on Linux), with which everything ends: stop it and start the other program"}` + "\n"
	if a := newDaemon(t, Options{}).want(409, "POST", "/_upgrade", ""); a.body != want {
		t.Errorf("got %s", a.body)
	}
}
