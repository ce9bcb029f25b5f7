package manager

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// TestRecordsByHand holds that what is written by hand is what encoding/json makes of the
// same, and so that no field is left out.
func TestRecordsByHand(t *testing.T) {
	for _, r := range []interface{ encode() []byte }{new(slotRecord), new(exitRecord), new(Event)} {
		check := func() {
			t.Helper()
			want, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.encode(); string(got) != string(want) {
				t.Errorf("%T is\n%s, want\n%s", r, got, want)
			}
		}
		check()
		fill(t, reflect.ValueOf(r).Elem())
		check()
	}
}

// fill gives every field a value that is not zero.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 11, 29, 1, 2, 3, 4, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0))
		fill(t, v.Index(1))
	case reflect.String:
		v.SetString(`some "text"`)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(7)
	case reflect.Uint64:
		v.SetUint(8)
	default:
		t.Fatalf("a %s is new here", v.Type())
	}
}
