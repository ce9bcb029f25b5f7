package httpapi

import (
	"bufio"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gafferd/gaffer/internal/plainjson"
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
		want, refused := plainjson.Marshal(map[string]any{"v": v})
		o := object{{Name: "v", Value: v}}
		for _, got := range []func() ([]byte, error){
			func() ([]byte, error) { return encodeJSON(o) },
			func() ([]byte, error) { return plainjson.Marshal(o) },
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

// TestTextIsReadAsItWasWritten has <, > and & in whatever may have them: commands are full
// of them, and people read answers, and look for text in them, as they come from curl.
func TestTextIsReadAsItWasWritten(t *testing.T) {
	d := newDaemon(t, Options{})
	pid := d.create(child("web", "hang", "args", []string{"<in", "2>&1"}))
	for _, path := range []string{
		"/processes/web", "/processes?info=true", fmt.Sprintf("/processes/%d", pid),
		"/stats", "/stats/web", fmt.Sprintf("/stats/web/%d", pid),
	} {
		if a := d.want(200, "GET", path, ""); !strings.Contains(a.body, "<in") || !strings.Contains(a.body, "2>&1") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if line, err := bufio.NewReader(d.open("/stats/web?feed=continuous").Body).ReadString('\n'); !strings.Contains(line, "<in") || err != nil {
		t.Errorf("a feed: %s, %v", line, err)
	}
	if a := d.do("GET", "/processes?running=<&>", ""); !strings.Contains(a.body, "<") {
		t.Errorf("an error: %s", a.body)
	}
	d.do("POST", "/processes?wait=true", `{"name": "gone", "cmd": "/no/<such>", "restart": "never"}`)
	for _, path := range []string{"/watch/proc/gone/exit?since=0", "/processes/gone/_exits", "/status/gone"} {
		if a := d.want(200, "GET", path, ""); !strings.Contains(a.body, "/no/<such>") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if a := d.get("/openapi.json"); strings.Contains(a.body, `\u003`) {
		t.Error("/openapi.json has escaped text")
	}
}
