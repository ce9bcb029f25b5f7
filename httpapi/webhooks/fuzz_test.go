package webhooks

import (
	"testing"
	"time"
)

// FuzzReplay reads a journal that a crash or somebody else has damaged.
func FuzzReplay(f *testing.F) {
	f.Add([]byte(`{"add":{"id":"a"}}` + "\n" + `{"done":"a"}` + "\n" + `{"missed":{"events":3,"last_seq":9}}` + "\n"))
	f.Add([]byte(`{"add":{"id":"a"}}` + "\n" + `{"add":{"id":"a"}}` + "\n" + `{"add":`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o := newOutbox()
		replay(data, o, time.Now())
		if o.pending() < 0 || o.bytes < 0 {
			t.Errorf("%d events of %d bytes", o.pending(), o.bytes)
		}
	})
}
