package httpapi

import (
	"log/slog"
	"net/http"
	"strconv"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/manager"
)

// refusalsAMinute is how many requests of one peer that were not let in are logged
// in a minute: whoever may do nothing may not fill the log either.
const refusalsAMinute = 60

// account is what is told of a request.
type account struct {
	visitor *visitor // nil: was not let in
	need    *rule    // of the route; nil: it has not come that far
	process string   // that it is about, if it is about one
	code    string   // of the error that it was answered with
}

// accountOf is the account of the request that w answers.
func accountOf(w http.ResponseWriter) *account {
	if a, ok := w.(*answer); ok {
		return &a.account
	}
	return new(account) // of no interest to anyone
}

// processOf is the process that a request for a route is about, "" for none.
func (s *Server) processOf(r *http.Request) string {
	vars := mux.Vars(r)
	if name, ok := vars["name"]; ok {
		return name
	}
	if _, ok := vars["pid"]; ok {
		if pid, err := pidOf(r); err == nil {
			name, _ := s.manager.NameOf(pid)
			return name
		}
	}
	return ""
}

// audit tells of a request that wants to control or change something, when it has
// been answered: to the log, and as an event if it was let in.
func (s *Server) audit(a *answer, r *http.Request) {
	switch {
	case a.need != nil && !a.need.audited():
		return
	case a.need == nil && !s.tellOfRefusal(a, r):
		return
	}
	record := manager.Audit{Who: "nobody", From: "unix", Request: shorten(r.Method) + " " + shorten(r.URL.Path), Result: strconv.Itoa(a.status)}
	if a.visitor != nil {
		record.Who = a.visitor.name
	}
	if !onUnixSocket(r) {
		record.From = r.RemoteAddr
	}
	switch {
	case a.status == 0:
		record.Result = "broken off"
	case a.code != "":
		record.Result += " " + a.code
	}
	facts := []any{"who", record.Who, "from", record.From, "request", record.Request, "process", a.process, "result", record.Result}
	for _, log := range []*slog.Logger{s.log, s.auditLog} {
		if log != nil {
			log.Info("audit", facts...)
		}
	}
	if a.visitor != nil {
		s.manager.Audit(a.process, record)
	}
}

// tellOfRefusal reports whether to tell of a request that has not come to its
// route. What only wanted to read is not of interest, unless it showed a token.
func (s *Server) tellOfRefusal(a *answer, r *http.Request) bool {
	switch {
	case a.status != http.StatusUnauthorized && a.status != http.StatusForbidden && a.status != http.StatusTooManyRequests:
		return false
	case a.visitor != nil:
		return false // there is no such route
	}
	if _, by, _ := secretOf(r); by == notShown && (r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions) {
		return false
	}
	peer := caller(r)
	if s.refused.wait(peer) > 0 {
		return false
	}
	s.refused.wrong(peer)
	return true
}
