package httpapi

import (
	"errors"
	"io"
	"net/http"

	"github.com/gorilla/mux"
)

// logsEventsource sends lines as server-sent events without a name, whose id is
// the cursor behind the line.
func (s *Server) logsEventsource(w http.ResponseWriter, r *http.Request, req *logRequest) error {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", sseType)
		return nil
	}
	ctx, forget := feedContext(r.Context())
	defer forget()
	f := newLogFeed(ctx, req)
	defer f.close()
	shared, done := s.renderings.hold(mux.Vars(r)["app"])
	defer done()
	out := s.startFeed(w, r, sseType)
	out.direct = newDirect(w, r)
	var buf []byte
	for {
		var err error
		if buf, err = f.gather(buf[:0], shared); len(buf) > 0 {
			out.send(buf)
			buf = reuse(buf)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			out.end()
			return nil
		default:
			out.breakOff(ctx)
		}
	}
}
