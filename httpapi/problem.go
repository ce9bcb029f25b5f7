package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/gafferd/gaffer/httpapi/tokens"
	"github.com/gafferd/gaffer/httpapi/webhooks"
	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

// Errors that are the request's own fault, wrapped with what is wrong with it.
var (
	errJSON          = errors.New("body is not JSON")
	errConfiguration = errors.New("configuration is not valid")
	errBadValue      = errors.New("bad value")
	errBadRange      = errors.New("no such range")
	errPrecondition  = errors.New("If-Match or If-Unmodified-Since is not met")
	errBadFeed       = errors.New("no such feed")
	errNoSignal      = errors.New("no such signal")
	errMediaType     = errors.New("unsupported media type")
	errConflict      = errors.New("conflict")
	errUnauthorized  = errors.New("token is not valid")
	errNoToken       = errors.New("a token is needed")
	errTooMany       = errors.New("too many")
	errForbidden     = errors.New("forbidden")
	errCrossOrigin   = errors.New("cross-origin request refused")
	errBadHost       = errors.New("host name refused")
	errNoResource    = errors.New("no such resource")
	errMethod        = errors.New("method not allowed")
	errNotStarted    = errors.New("could not be started")
	errInputTimedOut = errors.New("not all was written in time")
	errStopping      = errors.New("the server is stopping")
)

// problem is how an error is answered.
type problem struct {
	err    error
	status int
	code   string // clients switch on it
	reason string // what to tell besides the error, or instead of it
}

// problems is the one place where an error becomes an HTTP answer. The first
// row that matches is the answer; an error that matches none is an internal
// one, whose text goes to the log only.
var problems = []problem{
	{errJSON, http.StatusBadRequest, "invalid_json", ""},
	{errConfiguration, http.StatusBadRequest, "invalid_configuration", ""},
	{errMediaType, http.StatusUnsupportedMediaType, "unsupported_media_type", ""},
	{errBadBody, http.StatusBadRequest, "bad_body", ""},
	{errBodyTooLarge, http.StatusRequestEntityTooLarge, "body_too_large", ""},
	{errBadValue, http.StatusBadRequest, "bad_value", ""},
	{errBadRange, http.StatusRequestedRangeNotSatisfiable, "bad_value", ""},
	{errPrecondition, http.StatusPreconditionFailed, "conflict", ""},
	{errBadFeed, http.StatusBadRequest, "bad_feed", ""},
	{errNoSignal, http.StatusBadRequest, "no_signal_number", ""},
	{errUnauthorized, http.StatusUnauthorized, "unauthorized", ""},
	{tokens.ErrUnknown, http.StatusUnauthorized, "unauthorized", ""},
	{errNoToken, http.StatusUnauthorized, "unauthorized", ""},
	{errTooMany, http.StatusTooManyRequests, "too_many", ""},
	{tokens.ErrInvalid, http.StatusBadRequest, "invalid_process_info", ""},
	{tokens.ErrExists, http.StatusConflict, "conflict", ""},
	{tokens.ErrFixed, http.StatusConflict, "conflict", ""},
	{tokens.ErrNotFound, http.StatusNotFound, "not_found", ""},
	{tokens.ErrTooMany, http.StatusTooManyRequests, "too_many", ""},
	{errForbidden, http.StatusForbidden, "forbidden", ""},
	{errCrossOrigin, http.StatusForbidden, "cross_origin", ""},
	{errBadHost, http.StatusForbidden, "bad_host", ""},
	{errNoResource, http.StatusNotFound, "resource_not_found", ""},
	{errMethod, http.StatusMethodNotAllowed, "method_not_allowed", ""},
	{errStopping, http.StatusServiceUnavailable, "stopping", "the server is stopping; try again when it is back"},
	{ErrReplaced, http.StatusServiceUnavailable, "stopping", "the daemon is being replaced by a new one; try again at once"},
	{manager.ErrClosed, http.StatusServiceUnavailable, "stopping", "the daemon is stopping; try again when it is back"},
	{errPeerLimit, http.StatusTooManyRequests, "too_many", ""},
	{errNoRoom, http.StatusServiceUnavailable, "too_many", ""},
	{manager.ErrTooMany, http.StatusTooManyRequests, "too_many", ""},
	{manager.ErrBadEvent, http.StatusNotFound, "bad_event_type", ""},
	{process.ErrNoStream, http.StatusNotFound, "io_not_found", ""},
	{process.ErrNotRedirected, http.StatusBadRequest, "io_not_redirected", ""},
	{process.ErrNotWritable, http.StatusForbidden, "forbidden_write", ""},
	{process.ErrInputClosed, http.StatusConflict, "conflict", ""},
	{process.ErrInputHole, http.StatusConflict, "conflict", ""},
	{errInputTimedOut, http.StatusConflict, "conflict", ""},
	{webhooks.ErrBadURL, http.StatusBadRequest, "invalid_process_info", ""},
	{webhooks.ErrInFile, http.StatusConflict, "conflict", ""},
	{webhooks.ErrTooMany, http.StatusTooManyRequests, "too_many", ""},
	{manager.ErrInvalid, http.StatusBadRequest, "invalid_process_info", ""},
	{manager.ErrBadValue, http.StatusBadRequest, "bad_value", ""},
	{manager.ErrExists, http.StatusConflict, "conflict", ""},
	{manager.ErrNotFound, http.StatusNotFound, "not_found", ""},
	{process.ErrNotRunning, http.StatusConflict, "conflict", ""},
	{syscall.EMFILE, http.StatusTooManyRequests, "too_many", shortage("file descriptors", "ulimit -n")},
	{syscall.ENFILE, http.StatusTooManyRequests, "too_many", shortage("file descriptors", "fs.file-max")},
	{syscall.EAGAIN, http.StatusTooManyRequests, "too_many", shortage("processes", "ulimit -u")},
	{syscall.ENOMEM, http.StatusTooManyRequests, "too_many", shortage("memory", "or add memory")},
	{errNotStarted, http.StatusConflict, "conflict", ""},
	{errConflict, http.StatusConflict, "conflict", ""},
}

const internalReason = "the server failed; its log says why"

func shortage(of, limit string) string {
	return fmt.Sprintf("the system has no more %s; stop something or raise the limit (%s)", of, limit)
}

// problemOf says how err is answered. The status is 0 if there is nobody left
// to answer to.
func (s *Server) problemOf(r *http.Request, err error) (status int, code, reason string) {
	if clientGone(r.Context(), err) || errors.Is(err, errPeerGone) {
		return 0, "", ""
	}
	for _, p := range problems {
		if errors.Is(err, p.err) {
			if p.reason != "" {
				return p.status, p.code, p.reason
			}
			return p.status, p.code, sentence(err)
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, "", ""
	}
	s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
	return http.StatusInternalServerError, "internal", internalReason
}

// sentence is an error's text as one sentence: errors.Join puts each on a line.
func sentence(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// startError is errNotStarted, and why: the errors of processes, one a line, of
// which each begins with what head is. That is left out.
type startError struct {
	error
	head string
}

func (e *startError) Error() string {
	lines := strings.Split(e.error.Error(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, e.head)
	}
	return errNotStarted.Error() + ": " + strings.Join(lines, "\n")
}

func (e *startError) Unwrap() []error { return []error{errNotStarted, e.error} }

// conflictError is errConflict, of which the code says enough, and why.
type conflictError struct{ error }

func (e *conflictError) Unwrap() []error { return []error{errConflict, e.error} }

// badValue is the error for a value in the path or the query.
func badValue(name, got, want string) error {
	return fmt.Errorf("%w: %s is %q; give %s", errBadValue, name, shorten(got), want)
}
