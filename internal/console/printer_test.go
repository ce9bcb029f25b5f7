package console

import (
	"bytes"
	"testing"
	"time"
)

// TestStatus shows a line below the output, and takes it away for each line
// that is printed above it.
func TestStatus(t *testing.T) {
	var out bytes.Buffer
	p := newPrinter(&out, Options{Width: 8})
	p.setStatus("starting 1 of 2")
	web := p.label("web", 1)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	p.print(web, at, []byte("one"))
	p.print(web, at, []byte("two"))
	p.flush()
	p.setStatus("starting 2 of 2")
	p.setStatus("")
	p.flush()
	const gone = "\r\x1b[K"
	want := "starting 1 of 2" + gone + "03:04:05 web.1    | one\n03:04:05 web.1    | two\n" +
		"starting 1 of 2" + gone + "starting 2 of 2" + gone
	if got := out.String(); got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}
