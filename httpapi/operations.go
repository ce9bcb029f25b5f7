package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/mux"

	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

// waiting is what ?wait asks for.
type waiting struct {
	asked bool
	limit time.Duration // 0: none
}

var errWaited = errors.New("waited long enough")

func waitOf(r *http.Request) (waiting, error) {
	q := queryOf(r)
	if q.err != nil || !q.has("wait") {
		return waiting{}, q.err
	}
	text := q.text("wait")
	if g := guestOf(r); g != nil && g.short != nil && text != "false" && text != "0" {
		return waiting{}, g.short
	}
	switch strings.ToLower(text) {
	case "", "true":
		return waiting{asked: true}, nil
	case "false", "0":
		return waiting{}, nil
	}
	limit, ok := parseSeconds(text)
	if !ok {
		return waiting{}, badValue("wait", text, "true or a number of seconds")
	}
	return waiting{asked: true, limit: max(limit, 1)}, nil
}

// finish answers a request that has begun an operation, at once or when it is
// over. more is what the answer has besides "ok".
func (s *Server) finish(w http.ResponseWriter, r *http.Request, op *manager.Operation, wait waiting, more object) error {
	answer, err := s.saved(r, append(object{{Name: "ok", Value: true}}, more...))
	if err != nil {
		return err
	}
	if wait.asked {
		ctx := r.Context()
		if wait.limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, wait.limit, errWaited)
			defer cancel()
		}
		switch err := op.Wait(ctx); {
		case err == nil:
		case errors.Is(err, errWaited), errors.Is(err, ErrReplaced): // it goes on all the same
			answer = answer.with("done", false)
		case ctx.Err() != nil || errors.Is(err, manager.ErrNotFound) || errors.Is(err, manager.ErrClosed):
			return err
		default:
			return &startError{err, "start "}
		}
	}
	if len(answer) == 1 {
		return writeOK(w)
	}
	return writeJSON(w, answer)
}

// saved returns what a request is answered with when it has changed what is
// wanted: after that has been written to the state directory, if there is one.
// What cannot be written happens all the same, and the answer says so.
func (s *Server) saved(r *http.Request, answer object) (object, error) {
	switch err := s.manager.Saved(r.Context()); {
	case err == nil:
		return answer, nil
	case r.Context().Err() != nil:
		return nil, err
	}
	return answer.with("saved", false), nil
}

// operate is a handler for what is done to whatever the path names.
func (s *Server) operate(do func(r *http.Request) (*manager.Operation, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		wait, err := waitOf(r)
		if err != nil {
			return err
		}
		op, err := do(r)
		if err != nil {
			return err
		}
		return s.finish(w, r, op, wait, nil)
	}
}

func (s *Server) named(do func(name string) (*manager.Operation, error)) handler {
	return s.operate(func(r *http.Request) (*manager.Operation, error) { return do(mux.Vars(r)["name"]) })
}

func (s *Server) grouped(do func(group string, only func(name string) bool) (*manager.Operation, error)) handler {
	return s.operate(func(r *http.Request) (*manager.Operation, error) {
		return do(mux.Vars(r)["group"], visitorOf(r).sees)
	})
}

func (s *Server) stopInstance(w http.ResponseWriter, r *http.Request) error {
	return s.operate(func(r *http.Request) (*manager.Operation, error) {
		pid, err := pidOf(r)
		if err != nil {
			return nil, err
		}
		return s.manager.StopPID(pid)
	})(w, r)
}

// resize is a handler for _add, _sub and _scale. Without a number it is 1.
func (s *Server) resize(do func(name string, n int) (int, *manager.Operation, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		wait, err := waitOf(r)
		if err != nil {
			return err
		}
		n := 1
		if text, given := mux.Vars(r)["n"]; given {
			if n, err = strconv.Atoi(text); err != nil || n < 0 {
				return badValue("the number of processes", text, "a whole number from 0 up")
			}
		}
		numprocesses, op, err := do(mux.Vars(r)["name"], n)
		if err != nil {
			return err
		}
		return s.finish(w, r, op, wait, object{{Name: "numprocesses", Value: numprocesses}})
	}
}

func (s *Server) signalProcess(w http.ResponseWriter, r *http.Request) error {
	sig, err := signalOf(r)
	if err != nil {
		return err
	}
	if err := s.manager.Signal(mux.Vars(r)["name"], sig); err != nil {
		return err
	}
	return writeOK(w)
}

func (s *Server) signalInstance(w http.ResponseWriter, r *http.Request) error {
	pid, err := pidOf(r)
	if err != nil {
		return err
	}
	sig, err := signalOf(r)
	if err != nil {
		return err
	}
	if err := s.manager.SignalPID(pid, sig); err != nil {
		return err
	}
	return writeOK(w)
}

func signalOf(r *http.Request) (syscall.Signal, error) {
	text := mux.Vars(r)["signal"]
	sig, err := process.ParseSignal(text)
	if err != nil {
		return 0, fmt.Errorf("%w: %q; give a number such as 15 or a name such as TERM", errNoSignal, shorten(text))
	}
	return sig, nil
}
