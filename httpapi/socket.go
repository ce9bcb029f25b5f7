package httpapi

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/gafferd/gaffer/httpapi/tokens"
	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
	"github.com/gafferd/gaffer/streams"
)

const (
	// maxMessage is the largest message that a client may send.
	maxMessage = 64 << 20

	pingInterval = 30 * time.Second
	pongTimeout  = 30 * time.Second

	// closeGrace is how long the end of a websocket may take.
	closeGrace = 2 * time.Second

	// holdRune is how long half a rune waits for its other half.
	holdRune = time.Second
)

var errPeerGone = errors.New("the client went away")

// socket is one client on a websocket. Output goes out in the request's own
// goroutine; input comes in in another, so that a process that does not read
// does not keep what it prints from the client; and now and then there is a
// third, which waits for a pong. serve waits for all of them.
type socket struct {
	server  *Server
	visitor *visitor
	pid     int
	label   string // of what is sent
	binary  bool   // no text messages
	tellGap bool   // in a message, rather than by closing
	oldest  bool   // since=0: what is gone already need not be told
	cursor  *streams.Cursor
	input   *process.Input // nil: messages are dropped
	acks    bool           // tell the client what of its input was written
	exits   *manager.EventCursor
	conn    *websocket.Conn
	peer    *corkedConn // what conn runs on

	held []byte // the first bytes of a rune whose rest is to come

	head  []byte // of the last frame that accepts has sent
	begun bool   // peer has the rest of it

	writing atomic.Int32 // messages that wait for the client to take them
	reading atomic.Int64 // since when input waits for the client, by uptime; 0 if it does not
	pinging atomic.Bool
	drop    func() // ends all of it: the client is gone
}

// serve runs the socket until send has sent everything, and said how to close, or
// the client is gone. What send starts in parts is waited for.
func (k *socket) serve(request context.Context, send func(ctx context.Context, parts *sync.WaitGroup) (websocket.StatusCode, string)) {
	ctx, cancel := context.WithCancelCause(request)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer k.peer.Close()
	defer cancel(nil)
	defer onReplaced(request, func() { cancel(ErrReplaced) })()
	// Whatever the reason, from the end of ctx on there is not much time.
	kill := time.AfterFunc(math.MaxInt64, func() { k.peer.Close() })
	defer kill.Stop()
	defer context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), errSucceeded) {
			k.peer.Close() // nobody listens there
		}
		kill.Reset(closeGrace)
	})()

	k.drop = func() {
		cancel(errPeerGone)
		k.peer.Close()
	}
	parts.Go(func() { cancel(k.receive(ctx)) })
	code, reason := send(ctx, &parts)
	if code == 0 {
		return
	}
	cancel(nil) // frees an input that waits for the process, so that the client's close is read
	_ = k.conn.Close(code, reason)
}

// send sends what the stream has until that ends, and says how the connection
// is to be closed: 0 for not at all, the client is gone.
func (k *socket) send(ctx context.Context, parts *sync.WaitGroup) (websocket.StatusCode, string) {
	ping := time.Now().Add(pingInterval)
	for {
		if err := k.visitor.ended(); err != nil { // also if there is always more to send
			return websocket.StatusPolicyViolation, err.Error()
		}
		now := time.Now()
		if !now.Before(ping) {
			ping = now.Add(pingInterval)
			k.ping(ctx, parts)
		}
		idle := ping.Sub(now)
		if len(k.held) > 0 {
			idle = min(idle, holdRune)
		}
		chunk, err := k.cursor.NextUnless(ctx, idle, k.accepts)
		switch {
		case err == nil && k.begun:
			err = k.finish()
		case err == nil && chunk.Missed > 0:
			if code, reason := k.gap(chunk.Missed); code != 0 {
				return code, reason
			}
			err = k.deliver(chunk.Data)
		case err == nil:
			err = k.deliver(chunk.Data)
		case errors.Is(err, streams.ErrIdle):
			err = k.release()
		case errors.Is(err, io.EOF):
			if k.release() != nil {
				return 0, ""
			}
			return websocket.StatusNormalClosure, k.exitReason(ctx)
		case errors.Is(err, ErrReplaced):
			return websocket.StatusServiceRestart, ErrReplaced.Error()
		case errors.Is(err, tokens.ErrUnknown):
			return websocket.StatusPolicyViolation, err.Error()
		case errors.Is(err, errStopping):
			return websocket.StatusGoingAway, "the server is stopping"
		}
		if err != nil {
			return 0, ""
		}
		k.oldest = false
	}
}

// accepts sends a chunk as deliver does, but in the goroutine of the stream's writer
// and without waiting: what a terminal shows of each key goes this way. It refuses
// what takes more than that.
func (k *socket) accepts(chunk streams.Chunk) bool {
	data := chunk.Data
	if chunk.Missed > 0 || len(k.held) > 0 {
		return false
	}
	kind := websocket.MessageText
	switch {
	case k.binary:
		kind = websocket.MessageBinary
	case cutRune(data) > 0 || !utf8.Valid(data):
		return false
	}
	k.head = appendFrameHead(k.head[:0], kind, len(data))
	taken, rest := k.peer.offer(k.head, data)
	if taken {
		k.oldest, k.begun = false, rest
	}
	return taken && !rest
}

// finish sends the rest of what accepts has begun.
func (k *socket) finish() error {
	k.begun = false
	k.writing.Add(1)
	defer k.writing.Add(-1)
	return k.peer.flush()
}

// appendFrameHead adds what stands before a message as a server sends it (RFC 6455,
// section 5.2): in one frame, unmasked.
func appendFrameHead(b []byte, kind websocket.MessageType, size int) []byte {
	const last, short, long, longer = 0x80, 125, 126, 127
	b = append(b, last|byte(kind)) // which are the opcodes
	switch {
	case size <= short:
		return append(b, byte(size))
	case size <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, long), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(b, longer), uint64(size))
}

// gap tells the client of bytes that it missed, or says how to close.
func (k *socket) gap(missed int64) (websocket.StatusCode, string) {
	if k.release() != nil {
		return 0, ""
	}
	switch {
	case k.tellGap:
		_ = k.write(websocket.MessageText, []byte(`{"event": "gap", "missed": `+fmt.Sprint(missed)+`}`)) // the next write fails too
	case !k.oldest:
		return websocket.StatusPolicyViolation, fmt.Sprintf("missed %d bytes; connect with gap=true to be told and go on", missed)
	}
	return 0, ""
}

// deliver sends output: as text if it is, as binary if not. A rune is not cut
// in two by the end of a chunk.
func (k *socket) deliver(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if k.binary {
		return k.write(websocket.MessageBinary, data)
	}
	if len(k.held) > 0 {
		data = append(k.held, data...)
		k.held = nil
	}
	whole := data[:len(data)-cutRune(data)]
	if !utf8.Valid(whole) {
		return k.write(websocket.MessageBinary, data)
	}
	k.held = append(k.held, data[len(whole):]...)
	if len(whole) == 0 {
		return nil
	}
	return k.write(websocket.MessageText, whole)
}

// release sends half a rune whose other half does not come.
func (k *socket) release() error {
	if len(k.held) == 0 {
		return nil
	}
	held := k.held
	k.held = nil
	return k.write(websocket.MessageBinary, held)
}

// cutRune is how many bytes at the end of data are the beginning of a rune
// whose rest is missing.
func cutRune(data []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(data); n++ {
		if tail := data[len(data)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// write sends one message.
func (k *socket) write(kind websocket.MessageType, data []byte) error {
	k.writing.Add(1)
	defer k.writing.Add(-1)
	return k.conn.Write(context.Background(), kind, data)
}

var started = time.Now()

// uptime is a time in nanoseconds that goes on when somebody sets the clock.
func uptime() int64 { return int64(time.Since(started)) + 1 }

// attentive is a message of a client. It notes while its reader waits for more of
// it, and keeps back what the library read of a message before an error without
// having unmasked it.
type attentive struct {
	r     io.Reader
	since *atomic.Int64
}

// Read implements io.Reader.
func (a *attentive) Read(p []byte) (int, error) {
	a.since.Store(uptime())
	defer a.since.Store(0)
	n, err := a.r.Read(p)
	if err != nil && err != io.EOF {
		return 0, err
	}
	return n, err
}

// ping asks the client for a sign of life, and drops it if none comes. A client
// that is not listened to, since the process does not read what it sent, or
// that is slow to take what it is sent, is not dead.
func (k *socket) ping(ctx context.Context, parts *sync.WaitGroup) {
	if !k.pinging.CompareAndSwap(false, true) {
		return
	}
	parts.Go(func() {
		defer k.pinging.Store(false)
		waited, cancel := context.WithTimeout(ctx, pongTimeout)
		defer cancel()
		err := k.conn.Ping(waited)
		if err == nil || ctx.Err() != nil || k.writing.Load() > 0 {
			return
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			k.drop() // the connection is broken, whoever waits
			return
		}
		if since := k.reading.Load(); since != 0 && time.Duration(uptime()-since) > pongTimeout/4 {
			k.peer.Close()
		}
	})
}
