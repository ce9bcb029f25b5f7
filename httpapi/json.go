package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gafferd/gaffer/manager"
)

// okBody is the answer to whatever has no other, as gaffer spelled it.
const okBody = "{\"ok\": true}\n"

func writeOK(w http.ResponseWriter) error {
	return writeBody(w, http.StatusOK, "application/json", []byte(okBody))
}

// writeJSON answers 200 with v.
func writeJSON(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeBody(w, http.StatusOK, "application/json", append(body, '\n'))
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
	switch h := w.Header(); {
	case status == http.StatusTooManyRequests && h.Get("Retry-After") == "":
		h.Set("Retry-After", "1")
	case status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="gaffer"`)
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	_ = writeBody(w, status, "application/json", append(body, '\n'))
}

// object is a JSON object that keeps the order of its properties.
type object []manager.Property

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	buf := []byte{'{'}
	for i, p := range o {
		value, err := json.Marshal(p.Value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = strconv.AppendQuote(buf, p.Name) // names are plain ASCII
		buf = append(buf, ':')
		buf = append(buf, value...)
	}
	return append(buf, '}'), nil
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
