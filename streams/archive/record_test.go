package archive

import (
	"testing"
	"time"
)

// What a parser remembers of one time is never taken for another, also behind
// what is no record.
func TestParseTimes(t *testing.T) {
	var p parser
	for _, stamp := range []string{
		"2015-02-16T02:02:43.930163178Z", "2015-02-16T02:02:43.930163178Z", "2015-02-16T02:02:43.930163179Z",
		"2015-02-16T02:02:44,930163179Z", "2015-02-16T02:02:43.930163179Z", "2015-02-16T02:02:43.93016317xZ",
		"2015-02-16T02:02:43.000000000Z", "2015-02-30T02:02:43.000000000Z", "2016-02-16T02:02:43.000000001Z",
		"2015-02-16T02:02:43.000000000Z", "2015-02-16T02:02:43.0000000000", "1969-12-31T23:59:59.999999999Z",
	} {
		want, bad := time.Parse(timeLayout, stamp)
		r, err := p.parse([]byte(stamp + " stderr P text"))
		if bad != nil || stamp[19] != '.' {
			if err == nil {
				t.Errorf("%s: %d, want an error", stamp, r.nano)
			}
			continue
		}
		if err != nil || r.nano != want.UnixNano() || r.fd != stderr || !r.partial || string(r.text) != "text" {
			t.Errorf("%s: %+v, %v", stamp, r, err)
		}
	}
}
