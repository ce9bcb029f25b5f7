package client_test

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gafferd/gaffer/httpapi/client"
)

// A measurement that is too long is as long the next time.
func TestStatsThatAreTooLongAreNotAskedForAgain(t *testing.T) {
	line := bytes.Repeat([]byte(" "), 1<<20)
	c := connect(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := w.Write([]byte("{\"name\": \"web\"}\n"))
		for range 17 {
			if err == nil {
				_, err = w.Write(line)
			}
		}
	})), client.WithPatience(0))
	for s, err := range c.WatchStats(t.Context(), "web", time.Second) {
		if err == nil {
			if s.Name != "web" {
				t.Fatalf("got %+v", s)
			}
			continue
		}
		if !errors.Is(err, bufio.ErrTooLong) || errors.Is(err, client.ErrUnreachable) {
			t.Errorf("got error %v, want one of the line's length and not of the connection", err)
		}
	}
}
