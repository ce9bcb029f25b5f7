package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/manager"
)

const textType = "text/plain; charset=utf-8"

// showLogs answers with the output of an app: as text, or as a feed in one of
// two ways.
func (s *Server) showLogs(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	want, stream := logsOf(r, q)
	heartbeat, ends := q.logHeartbeat(), q.flag("ends")
	if q.err != nil {
		return q.err
	}
	upgrade := stream && hasToken(r.Header, "Upgrade", "websocket")
	if upgrade && !isHandshake(r) {
		return badValue("the request", r.Method, "a websocket handshake, or leave the Upgrade header out for server-sent events")
	}
	if stream {
		done, err := s.lasting.hold(r)
		if err != nil {
			return err
		}
		defer done()
	}
	if err := s.showsApp(r); err != nil {
		return err
	}
	want.Only = visitorOf(r).only()
	reader, err := s.manager.Logs(mux.Vars(r)["app"], want)
	if err != nil {
		return err
	}
	defer reader.Close()
	req := &logRequest{reader, want, heartbeat, ends}
	switch {
	case upgrade:
		return s.logsWebsocket(w, r, req)
	case stream:
		return s.logsEventsource(w, r, req)
	}
	return s.dumpLogs(w, r, reader)
}

// showsApp refuses an app of which a limited visitor may see neither a process nor a
// line, as if there was none.
func (s *Server) showsApp(r *http.Request) error {
	v, app := visitorOf(r), mux.Vars(r)["app"]
	if !v.limited() {
		return nil
	}
	if names, err := s.manager.Group(app); err == nil && len(v.among(names)) > 0 {
		return nil
	}
	reader, err := s.manager.Logs(app, manager.LogQuery{Only: v.sees, Tail: 1})
	if err != nil {
		return err
	}
	defer reader.Close()
	_, err = reader.Next(r.Context(), 0)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("app %q %w", app, manager.ErrNotFound)
	}
	return err
}

// dumpLogs answers with what there is, as text.
func (s *Server) dumpLogs(w http.ResponseWriter, r *http.Request, reader *manager.LogReader) error {
	line, err := reader.Next(r.Context(), 0)
	if errors.Is(err, io.EOF) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", textType)
		return nil
	}
	var (
		lines logEncoder
		buf   []byte
		out   *feedWriter // nil while all may fit into one write
	)
	for ; err == nil; line, err = reader.Next(r.Context(), 0) {
		if len(buf) >= logBatch {
			if out == nil {
				out = s.startFeed(w, r, textType)
			}
			out.send(buf)
			buf = buf[:0]
		}
		buf = lines.appendText(buf, &line)
	}
	switch {
	case !errors.Is(err, io.EOF) && out == nil:
		return err
	case !errors.Is(err, io.EOF):
		panic(http.ErrAbortHandler)
	}
	buf = lines.endText(buf)
	if out == nil {
		return writeBody(w, http.StatusOK, textType, buf)
	}
	out.send(buf)
	out.end()
	return nil
}

// logsURL answers with a URL by which others, who need no other right, can read
// the logs of one app for a while.
func (s *Server) logsURL(w http.ResponseWriter, r *http.Request) error {
	app := mux.Vars(r)["app"]
	if err := s.showsApp(r); err != nil {
		return err
	}
	reader, err := s.manager.Logs(app, manager.LogQuery{})
	if err != nil {
		return err
	}
	reader.Close()
	issuer := ""
	if token := visitorOf(r).token; token != nil {
		issuer = token.ID()
	}
	u := url.URL{
		Scheme:   "http",
		Host:     r.Host,
		Path:     logsPath(app),
		RawQuery: "token=" + s.gate.logs.issue(app, issuer, time.Now()),
	}
	if r.TLS != nil {
		u.Scheme = "https"
	}
	return writeJSON(w, object{
		{Name: "app", Value: object{{Name: "name", Value: app}}},
		{Name: "logs_url", Value: u.String()},
	})
}

func logsPath(app string) string { return "/apps/" + app + "/logs" }
