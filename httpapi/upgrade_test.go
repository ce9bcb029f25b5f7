package httpapi

import (
	"errors"
	"testing"
)

func TestUpgradeRefused(t *testing.T) {
	d := newDaemon(t, Options{Upgrade: func(string) error { return errors.New("gafferd is stopping") }})
	if a := d.want(400, "POST", "/_upgrade?path=rel", ""); a.code(t) != "bad_value" {
		t.Errorf("a relative path: %s", a.body)
	}
	if a := d.want(409, "POST", "/_upgrade", ""); a.code(t) != "conflict" {
		t.Errorf("a program that does not come: %s", a.body)
	}
	if err := d.manager.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := d.want(503, "POST", "/_upgrade", ""); a.code(t) != "stopping" {
		t.Errorf("while the daemon stops: %s", a.body)
	}
}
