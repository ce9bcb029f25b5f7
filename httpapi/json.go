package httpapi

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gafferd/gaffer/internal/plainjson"
	"github.com/gafferd/gaffer/manager"
)

// okBody is the answer to whatever has no other, as gaffer spelled it.
const okBody = "{\"ok\": true}\n"

func writeOK(w http.ResponseWriter) error {
	return writeBody(w, http.StatusOK, "application/json", []byte(okBody))
}

// writeJSON answers 200 with v.
func writeJSON(w http.ResponseWriter, v any) error {
	body, err := encodeJSON(v)
	if err != nil {
		return err
	}
	return writeBody(w, http.StatusOK, "application/json", append(body, '\n'))
}

// writeArray answers 200 with an array of what is JSON already, a batch at a time.
func writeArray(w http.ResponseWriter, all []json.RawMessage) error {
	size := len("[]\n") + max(len(all)-1, 0)
	for _, text := range all {
		size += len(text)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(size))
	w.WriteHeader(http.StatusOK)
	buf := append(roomy(nil), '[')
	for i, text := range all {
		if i > 0 {
			buf = append(buf, ',')
		}
		if buf = append(buf, text...); len(buf) >= batch {
			_, _ = w.Write(buf)
			buf = buf[:0]
		}
	}
	_, _ = w.Write(append(buf, "]\n"...))
	reuse(buf)
	return nil
}

// encodeJSON is plainjson.Marshal, which would read again what an object has written.
func encodeJSON(v any) ([]byte, error) {
	switch v := v.(type) {
	case object:
		return v.appendTo(nil)
	case objects:
		return v.appendTo(nil)
	}
	return plainjson.Marshal(v)
}

// writeBody answers with a whole body, and without it to HEAD (net/http leaves
// it out). That the client does not take it is not the handler's to report.
func writeBody(w http.ResponseWriter, status int, contentType string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
	return nil
}

// problemBody is what every error is answered with.
type problemBody struct {
	Error  string `json:"error"`
	Reason string `json:"reason"`

	// What is wrong with a configuration, when that cannot be reloaded.
	Problems []string `json:"problems,omitempty"`

	// How far a write to a stream got.
	Written *int64 `json:"written,omitempty"`
	Offset  *int64 `json:"offset,omitempty"`
}

func writeProblem(w http.ResponseWriter, status int, p problemBody) {
	body, err := plainjson.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	_ = writeBody(w, status, "application/json", append(body, '\n'))
}

// object is a JSON object that keeps the order of its properties.
type object []manager.Property

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) { return o.appendTo(nil) }

// appendTo appends the object as JSON.
func (o object) appendTo(buf []byte) (_ []byte, err error) {
	buf = append(buf, '{')
	for i, p := range o {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = append(append(append(buf, '"'), p.Name...), `":`...) // names are plain
		if buf, err = appendValue(buf, p.Value); err != nil {
			return nil, err
		}
	}
	return append(buf, '}'), nil
}

// objects is an array of them.
type objects []object

// MarshalJSON implements json.Marshaler.
func (all objects) MarshalJSON() (buf []byte, err error) { return all.appendTo(nil) }

func (all objects) appendTo(buf []byte) (_ []byte, err error) {
	buf = append(buf, '[')
	for i, o := range all {
		if i > 0 {
			buf = append(buf, ',')
		}
		if buf, err = o.appendTo(buf); err != nil {
			return nil, err
		}
		if i == 0 { // the others will be about as long
			buf = slices.Grow(buf, len(buf)*len(all)*9/8)
		}
	}
	return append(buf, ']'), nil
}

// appendValue appends what plainjson.Marshal makes of v. For most of what a process has that
// is known without asking it, which takes longer.
func appendValue(buf []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(buf, "null"...), nil
	case bool:
		return strconv.AppendBool(buf, v), nil
	case int:
		return strconv.AppendInt(buf, int64(v), 10), nil
	case float64:
		if v == 0 || math.Abs(v) >= 1e-6 && math.Abs(v) < 1e21 { // else it has an exponent
			return strconv.AppendFloat(buf, v, 'f', -1, 64), nil
		}
	case map[string]string:
		if v != nil && len(v) == 0 {
			return append(buf, "{}"...), nil
		}
	case string:
		return plainjson.AppendString(buf, v), nil
	case []int:
		if v != nil {
			return appendArray(buf, v)
		}
	case []string:
		if v != nil {
			return appendArray(buf, v)
		}
	}
	value, err := plainjson.Marshal(v)
	return append(buf, value...), err
}

func appendArray[T any](buf []byte, values []T) (_ []byte, err error) {
	buf = append(buf, '[')
	for i, v := range values {
		if i > 0 {
			buf = append(buf, ',')
		}
		if buf, err = appendValue(buf, v); err != nil {
			return nil, err
		}
	}
	return append(buf, ']'), nil
}

func (o object) with(name string, value any) object {
	return append(o, manager.Property{Name: name, Value: value})
}

// timeOrNull is t in UTC, or null if there is none.
func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}
