package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"
)

// handler is an HTTP handler that may fail. It returns an error only while
// nothing has been written; a stream that breaks midway panics with
// http.ErrAbortHandler, so that nobody takes the break for the end.
type handler func(w http.ResponseWriter, r *http.Request) error

// serveHTTP is where every request comes in: the gate first, then the router.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w, stall: min(s.stallTimeout, lingerTime), lapse: r.ProtoMajor == 2, maxBody: s.limits.Body}
	began := time.Now()
	defer func() {
		failure := recover()
		s.audit(a, r)
		if s.log.Enabled(r.Context(), slog.LevelDebug) {
			// The query is left out: it may hold a token.
			s.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", a.status,
				"bytes", a.bytes, "took", time.Since(began), "from", r.RemoteAddr)
		}
		// net/http reads what is left of the body, in whatever time it is given.
		if failure == nil {
			endBody(a, r, time.Now().Add(lingerTime))
			return
		}
		if failure != http.ErrAbortHandler {
			s.log.Error("handler failed", "method", r.Method, "path", r.URL.Path, "failure", failure, "stack", string(debug.Stack()))
			if a.status == 0 {
				writeProblem(a, http.StatusInternalServerError, problemBody{Error: "internal", Reason: internalReason})
				endBody(a, r, time.Now().Add(lingerTime))
				return
			}
		}
		endBody(a, r, past)
		reset(r)
		panic(http.ErrAbortHandler)
	}()
	if err := s.admit(a, r); err != nil {
		s.fail(a, r, err)
	}
}

// admit lets a request through the gate and has it routed. From then on its
// connection is in use. A client that is refused is not waited for long: the answer to it
// is short.
func (s *Server) admit(a *answer, r *http.Request) error {
	visitor, err := s.gate.check(a, r)
	if err != nil {
		return err
	}
	if visitor != nobodyAtAll {
		if !guestOf(r).letIn() {
			panic(http.ErrAbortHandler) // it had to go
		}
		a.stall = s.stallTimeout
	}
	a.visitor = visitor
	r, leave := withVisitor(r, visitor)
	defer leave()
	var res *resource
	if plainPath(r.URL) {
		res, r = s.router.Load().find(r)
	}
	return visitor.lockedOut(s.serveResource(res, a, r))
}

// fail answers err. The peer of a request whose body was not read to its end
// gets the answer at once and a moment to stop sending, so that it sees the
// answer and not a broken pipe.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if a, ok := w.(*answer); ok && a.status != 0 {
		panic(http.ErrAbortHandler) // too late to tell
	}
	status, code, reason := s.problemOf(r, err)
	if status == 0 {
		panic(http.ErrAbortHandler) // the client is gone
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	if status == http.StatusUnauthorized {
		s.gate.challenge(w.Header(), r)
	}
	if errors.Is(err, errBadBody) {
		closeAfter(w, r) // nobody can tell where the next request would begin
	}
	problem := problemBody{Error: code, Reason: reason}
	accountOf(w).code = code
	if e, ok := errors.AsType[*guessing](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.wait.Seconds()))))
	}
	if input, ok := errors.AsType[*inputError](err); ok {
		problem.Written = &input.written
		if input.offset != unknownOffset {
			problem.Offset = &input.offset
		}
	}
	listProblems(&problem, err, status)
	writeProblem(w, status, problem)
	linger(w, r)
}

// clientGone says whether a request ended because its client went away, which
// there is nobody to tell about.
func clientGone(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled) && !errors.Is(context.Cause(ctx), errStopping) && !replaced(ctx)
}

// answer notes what was answered, for the log and for handlers that fail, and
// bounds how long the peer may take for it, unless the handler extends that.
type answer struct {
	http.ResponseWriter
	stall   time.Duration // 0: no bound
	lapse   bool          // HTTP/2: net/http resets the stream when that is over, whether or not it writes
	maxBody int64         // of the request
	status  int           // 0 while nothing is written
	bytes   int64
	account
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.begin(status)
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) begin(status int) {
	a.status = status
	a.extend()
}

// extend gives the peer its time anew.
func (a *answer) extend() {
	var deadline time.Time // none, whatever an http.Server around this one has set
	if a.stall > 0 {
		deadline = time.Now().Add(a.stall)
	}
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(deadline)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.begin(http.StatusOK)
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController and for websocket.Accept.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
