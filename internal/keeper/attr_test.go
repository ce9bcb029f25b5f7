//go:build linux

package keeper

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gafferd/gaffer/process/spawn"
)

// fillsAll fails for a field of an Attr, or of what is in one, that is zero.
func fillsAll(t *testing.T, a any) {
	t.Helper()
	v := reflect.ValueOf(a)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s.%s is new: send it to the keeper, and set it here", v.Type().Name(), v.Type().Field(i).Name)
		}
	}
}

func sameAttr(t *testing.T, got, want spawn.Attr) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("decoded differs (-want +got):\n%s", d)
	}
}
