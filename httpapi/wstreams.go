package httpapi

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/gafferd/gaffer/httpapi/tokens"
	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
	"github.com/gafferd/gaffer/streams"
)

// websocket connects a client with an instance: messages go to its stdin, what
// it prints comes back.
func (s *Server) websocket(w http.ResponseWriter, r *http.Request) error {
	pid, err := pidOf(r)
	if err != nil {
		return err
	}
	q := queryOf(r)
	k := &socket{server: s, visitor: visitorOf(r), pid: pid, binary: q.flag("binary"), tellGap: q.flag("gap"), acks: q.flag("ack")}
	readonly, place := q.flag("readonly"), placeOf(r, q)
	if q.err != nil {
		return q.err
	}
	if !readonly {
		if err := visitorOf(r).needs(tokens.Write); err != nil {
			return fmt.Errorf("%w; readonly=true needs it not", err)
		}
	}
	label, log, err := s.socketLog(pid, q)
	if err != nil {
		return err
	}
	k.label = label
	if !readonly {
		if k.input, err = s.socketInput(pid); err != nil {
			return err
		}
	}
	if !isHandshake(r) {
		return badValue("the request", r.Method, "a websocket handshake: connect to this address with ws:// or wss://")
	}
	if err := s.predecessors.end(r.Context(), pid, q.text("replaces")); err != nil {
		return err
	}
	done, err := s.lasting.hold(r)
	if err != nil {
		return err
	}
	done = sync.OnceFunc(done)
	defer done()
	k.cursor = log.Subscribe(place.in(log))
	defer k.cursor.Close()
	start := k.cursor.Offset()
	if oldest := log.Start(); place.given && start < oldest {
		setMissed(w.Header(), oldest-start)
		k.oldest = start == 0
		start = oldest
	}
	setOffset(w.Header(), start)
	w.Header().Set("Gaffer-Stream", label)
	k.exits = s.exitsFromNow()
	ctx, end := context.WithCancelCause(r.Context())
	defer end(nil)
	if k.acks = k.acks && !readonly; k.acks {
		id, gone := s.predecessors.add(pid, end)
		defer func() {
			done() // the one that comes in its place may have no other
			gone()
		}()
		k.setInput(w.Header(), id)
	}
	if err := k.accept(w, r); err != nil {
		panic(http.ErrAbortHandler)
	}
	k.serve(ctx, k.send)
	return nil
}

// socketLog is the output that a client asks for, and its label: the first, unless
// it names one.
func (s *Server) socketLog(pid int, q *query) (string, *streams.Log, error) {
	label := q.text("stream")
	if label == "" {
		labels, err := s.manager.Labels(pid)
		if err != nil {
			return "", nil, err
		}
		if len(labels) == 0 {
			return "", nil, fmt.Errorf("pid %d: %w: give it a label in redirect_output", pid, process.ErrNotRedirected)
		}
		label = labels[0]
	}
	log, err := s.manager.Log(pid, label)
	return label, log, err
}

// socketInput is the instance's stdin. It is nil, and messages to it are
// dropped, if the instance has ended: the output is there to read nevertheless.
func (s *Server) socketInput(pid int) (*process.Input, error) {
	in, err := s.manager.Input(pid, "stdin")
	if errors.Is(err, process.ErrInputClosed) {
		return nil, nil
	}
	if _, notEnded := s.manager.ExitOf(pid); err == nil && notEnded == nil {
		return nil, nil
	}
	return in, err
}

// exitsFromNow is a cursor over all exits that are still to come, also that of any
// instance that is running now.
func (s *Server) exitsFromNow() *manager.EventCursor {
	events := s.manager.Events()
	pattern, err := manager.ParsePattern(manager.EventExit)
	if err != nil {
		panic(err) // there is such an event
	}
	return events.Subscribe(pattern, events.Last())
}

// isHandshake reports whether a request asks for a websocket. websocket.Accept looks at
// the same, but its answers are not ours.
func isHandshake(r *http.Request) bool {
	h := r.Header
	key, err := base64.StdEncoding.DecodeString(h.Get("Sec-WebSocket-Key"))
	return r.ProtoAtLeast(1, 1) && r.ProtoMajor == 1 && r.Method == http.MethodGet &&
		hasToken(h, "Connection", "upgrade") && hasToken(h, "Upgrade", "websocket") &&
		h.Get("Sec-WebSocket-Version") == "13" && err == nil && len(key) == 16 && len(h["Sec-Websocket-Key"]) == 1
}

func hasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for t := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// accept completes the handshake and keeps the connection itself too, which
// websocket.Conn cannot be made to let go of in a given time.
func (k *socket) accept(w http.ResponseWriter, r *http.Request) error {
	taken := &corking{ResponseWriter: w, stall: k.server.stallTimeout}
	conn, err := websocket.Accept(taken, r, &websocket.AcceptOptions{
		// Our gate has looked at the origin, and it also lets in those that
		// the operator allows.
		InsecureSkipVerify: true,
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return err
	}
	conn.SetReadLimit(maxMessage)
	k.conn, k.peer = conn, taken.conn
	return nil
}

// exitReason is how an instance ended whose stream has just ended. The exit
// follows the end of the streams, unless a process closes its output and lives
// on.
func (k *socket) exitReason(ctx context.Context) string {
	if e, err := k.server.manager.ExitOf(k.pid); err == nil {
		return exitText(e.ExitStatus, e.TermSignal)
	}
	ctx, cancel := context.WithTimeout(ctx, exitWait)
	defer cancel()
	for {
		ev, _, err := k.exits.Next(ctx, 0)
		if err != nil {
			return "end of the stream"
		}
		if ev.PID == k.pid {
			return exitText(ev.ExitStatus, ev.TermSignal)
		}
	}
}

// exitWait is how long the end of a websocket waits to say how the instance
// ended.
const exitWait = 2 * time.Second

func exitText(status, signal int) string {
	if signal > 0 {
		return "signal " + strconv.Itoa(signal)
	}
	return "exit " + strconv.Itoa(status)
}
