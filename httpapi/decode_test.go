package httpapi

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

func TestDecodeObject(t *testing.T) {
	got, err := decodeObject([]byte(` {"a": 1, "b": -2.5, "c": "é\u00e9", "d": [true, null, {"e": 1e3}], "f": {}} ` + "\n"))
	want := map[string]any{
		"a": 1, "b": -2.5, "c": "éé", "d": []any{true, nil, map[string]any{"e": 1000.0}}, "f": map[string]any{},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, %v", got, err)
	}
	for text, says := range map[string]string{
		"":                    "unexpected end",
		" \n":                 "unexpected end",
		"{":                   "unexpected end",
		`{"a":1`:              "unexpected end",
		`{"a":1} x`:           "after top-level value",
		`{"a":1}{}`:           "after top-level value",
		`{"a":1,}`:            "line 1",
		"{\n\"a\": tru}":      "line 2, byte 9",
		`{'a':1}`:             "invalid character",
		`{"a":1,"a":2}`:       `"a" is there twice`,
		`{"b":{"x":1,"x":1}}`: `"x" is there twice`,
		"{\"a\":\"\xff\"}":    "UTF-8",
		`{"a":1e999}`:         "out of range",
		`{"a":01}`:            "invalid character",
		"\xef\xbb\xbf{}":      "invalid character",
		`{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}": "32 levels",
		strings.Repeat("[", 1<<20):                                        "depth",
		`NaN`:                                                             "invalid character",
	} {
		if _, err := decodeObject([]byte(text)); !errors.Is(err, errJSON) || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60q: %v, want %q", text, err, says)
		}
	}
	for _, text := range []string{"[]", "null", `"x"`, "3"} {
		if _, err := decodeObject([]byte(text)); err == nil || errors.Is(err, errJSON) {
			t.Errorf("%s: %v, want an error that it is no object", text, err)
		}
	}
}

func FuzzDecodeObject(f *testing.F) {
	for _, seed := range []string{`{"name":"web","cmd":"./web","env":{"A":"b"}}`, `{"a":[1,2.5,null,true]}`, `{`, `{"a":1,"a":1}`, "[[[["} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decodeObject(body)
		if err != nil {
			return
		}
		// What is taken means the same to encoding/json.
		var want, back map[string]any
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%q was taken: %v", body, err)
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(again, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, want) {
			t.Errorf("%q became %s", body, again)
		}
	})
}

func FuzzPathAndQuery(f *testing.F) {
	for _, seed := range []string{"/processes/web", "/processes/%2e%2e", "//", "/streams/1/stdout?since=1&tail=x", "/ping?token=%zz", "/processes/%00?heartbeat=1e400"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") {
			return
		}
		before := u.Path
		if plainPath(u) {
			for segment := range strings.SplitSeq(u.EscapedPath()[1:], "/") {
				decoded, err := url.PathUnescape(segment)
				if err != nil || decoded == ".." || decoded == "." || decoded == "" && u.EscapedPath() != "/" {
					t.Errorf("%q became %q", target, u.EscapedPath())
				}
			}
		}
		if u.Path != before {
			t.Errorf("%q: the decoded path changed to %q", target, u.Path)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.URL = u
		q := queryOf(r)
		q.flag("eof")
		q.count("since")
		if d, _ := q.seconds("timeout", 0); d < 0 {
			t.Errorf("%q: timeout %v", target, d)
		}
		if d := q.heartbeat(0); d < 0 {
			t.Errorf("%q: heartbeat %v", target, d)
		}
		placeOf(r, q)
	})
}

func TestQuery(t *testing.T) {
	for raw, bad := range map[string]bool{
		"heartbeat=true": false, "heartbeat=false": false, "heartbeat=2.5": false, "heartbeat": false, "heartbeat=0": false,
		"heartbeat=-1": true, "heartbeat=NaN": true, "heartbeat=1e99": true, "heartbeat=x": true, "heartbeat=0.0001": true,
		"since=0": false, "since=9223372036854775807": false, "since=-1": true, "since=9223372036854775808": true, "since=1.5": true, "since=": true,
		"tail=3": false, "tail=-3": true, "since=1&tail=1": true, "timeout=0": false, "timeout=-1": true, "timeout=Inf": true,
		"flag=true": false, "flag=0": false, "flag": false, "flag=maybe": true,
	} {
		r := httptest.NewRequest("GET", "/?"+raw, nil)
		q := queryOf(r)
		q.heartbeat(0)
		q.seconds("timeout", 0)
		q.flag("flag")
		placeOf(r, q)
		if (q.err != nil) != bad || bad && !errors.Is(q.err, errBadValue) {
			t.Errorf("%s: %v", raw, q.err)
		}
	}
}
