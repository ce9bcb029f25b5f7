package httpapi

import (
	"errors"
	"strings"
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

// The program is named in the query. One in a body was meant, and would not be it.
func TestUpgradeTakesNoBody(t *testing.T) {
	upgrades := 0
	d := newDaemon(t, Options{Upgrade: func(string) error { upgrades++; return nil }})
	a := d.do("POST", "/_upgrade", `{"path": "/opt/new/gafferd"}`, "Content-Type", "application/json")
	if a.status != 400 || a.code(t) != "bad_value" || !strings.Contains(a.body, "?path=") || upgrades > 0 {
		t.Errorf("%d upgrades: %d %s", upgrades, a.status, a.body)
	}
	if d.want(200, "POST", "/_upgrade", ""); upgrades != 1 {
		t.Errorf("%d upgrades", upgrades)
	}
}
