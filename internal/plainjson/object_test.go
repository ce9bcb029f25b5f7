package plainjson

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// TestObjectIsWhatEncodingJSONMakes holds that nobody can tell who has written it.
func TestObjectIsWhatEncodingJSONMakes(t *testing.T) {
	type object struct {
		Int       int       `json:"int"`
		Uint      uint64    `json:"uint"`
		Bool      bool      `json:"bool"`
		String    string    `json:"string"`
		Time      time.Time `json:"time"`
		Raw       []int     `json:"raw"`
		OptInt    int       `json:"opt_int,omitempty"`
		OptUint   uint64    `json:"opt_uint,omitempty"`
		OptBool   bool      `json:"opt_bool,omitempty"`
		OptString string    `json:"opt_string,omitempty"`
		OptTime   time.Time `json:"opt_time,omitzero"`
	}
	at := time.Date(2026, 11, 29, 7, 8, 9, 12_000, time.FixedZone("", 5400))
	for _, v := range []object{
		{},
		{-7, 1 << 63, true, "plain", at, []int{1, 2}, 5, 6, true, "a<b>&\"\\\n\x00\xffé\u2028", at.UTC()},
		{String: "\x7f\x1f'/ {}", Time: time.Unix(1, 0)},
	} {
		want, err := Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(v.Raw)
		if err != nil {
			t.Fatal(err)
		}
		got := Object(nil).Int("int", v.Int).Uint("uint", v.Uint).Bool("bool", v.Bool).
			String("string", v.String).Time("time", v.Time).Raw("raw", raw).
			OptInt("opt_int", v.OptInt).OptUint("opt_uint", v.OptUint).OptBool("opt_bool", v.OptBool).
			OptString("opt_string", v.OptString).OptTime("opt_time", v.OptTime).End()
		if !bytes.Equal(got, want) {
			t.Errorf("\n%s, want\n%s", got, want)
		}
	}
	if got := string(Object(nil).End()); got != "{}" {
		t.Errorf("without a member it is %s", got)
	}
}

// TestMarshalWritesWhatPeopleWrote has a command line as it was typed, at the top, in a
// member and within what writes itself.
func TestMarshalWritesWhatPeopleWrote(t *testing.T) {
	const line = "make <in 2>&1 && echo \"ok\""
	const want = `"make <in 2>&1 && echo \"ok\""`
	for _, c := range []struct {
		v    any
		want string
	}{
		{line, want},
		{map[string]any{"cmd": line}, `{"cmd":` + want + `}`},
		{[]json.RawMessage{AppendString(nil, line)}, `[` + want + `]`},
	} {
		if got, err := Marshal(c.v); string(got) != c.want || err != nil {
			t.Errorf("%#v: %s, %v, want %s", c.v, got, err, c.want)
		}
	}
	if got, err := Marshal(func() {}); err == nil {
		t.Errorf("a function: %s", got)
	}
}
