package httpapi

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/gafferd/gaffer/manager"
)

// TestObjectsAreWrittenAsByEncodingJSON has values of every kind that an object
// may have, and text of every kind.
func TestObjectsAreWrittenAsByEncodingJSON(t *testing.T) {
	for _, v := range []any{
		nil, true, false, 0, -7, 1 << 40, 0.5, 0.1, 10.0, -0.000001, 1e-7, 1e20, 1e21, math.Inf(1), math.Copysign(0, -1), "", "plain text/1", `a "quote" and a \`, "<b>&amp;</b>", "tab\tend\n", "ü \u2028 \xff", "\x7f",
		[]int{}, []int{1, 2}, []int(nil), []string{}, []string{"a", "\"b\""}, []string(nil), []any{}, map[string]string{}, map[string]string(nil), map[string]string{"a": "b"}, map[string]any{"b": nil, "a": 1},
		time.Unix(1, 2).UTC(), manager.StateRunning, int64(3), (*int)(nil), object{{Name: "a", Value: 1}},
	} {
		want, refused := json.Marshal(map[string]any{"v": v})
		o := object{{Name: "v", Value: v}}
		for _, got := range []func() ([]byte, error){
			func() ([]byte, error) { return encodeJSON(o) },
			func() ([]byte, error) { return json.Marshal(o) },
		} {
			if text, err := got(); (err != nil) != (refused != nil) || string(text) != string(want) {
				t.Errorf("%#v: %s, %v, want %s", v, text, err, want)
			}
		}
	}
	if text, err := encodeJSON(objects(nil)); string(text) != "[]" || err != nil {
		t.Errorf("nothing: %s, %v", text, err)
	}
	if text, err := encodeJSON(objects{{{Name: "a", Value: func() {}}}}); err == nil {
		t.Errorf("a function: %s", text)
	}
}
