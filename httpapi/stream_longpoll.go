package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/streams"
)

// maxPoll is the most that one poll answers.
const maxPoll = 1 << 20

// poll is one longpoll of a stream.
type poll struct {
	*reading
	wait  pollWait
	limit int

	from   int64
	key    pollKey
	shared bool // without a place of its own: goes on where the caller's last one ended
}

// longpoll gives one answer: what there is behind the caller's place, or what
// comes next.
func (s *Server) longpoll(w http.ResponseWriter, r *http.Request, req *reading) error {
	p := &poll{reading: req, limit: maxPoll, shared: !req.place.given}
	p.wait = req.pollWait(req.heartbeat(noHeartbeat))
	if limit, ok := req.count("limit"); ok {
		if limit == 0 {
			req.wrong("limit", req.text("limit"), "a number of bytes from 1 to 1048576")
		}
		p.limit = int(min(limit, maxPoll))
	}
	if req.err != nil {
		return req.err
	}
	p.key = pollKey{req.pid, req.label, caller(r)}
	p.from = min(s.pollFrom(p), req.log.End())
	w.Header().Set("Content-Type", streamType)
	if r.Method == http.MethodHead {
		data, missed := p.take()
		setOffset(w.Header(), p.from+missed+int64(len(data)))
		setMissed(w.Header(), missed)
		return nil
	}
	return s.answerPoll(w, r, p)
}

// pollFrom is where a poll starts. The first one of a caller begins with the
// last line that says something, so that it sees the answer to what was written
// before it came.
func (s *Server) pollFrom(p *poll) int64 {
	if !p.shared {
		return p.place.in(p.log)
	}
	if offset, ok := s.polls.get(p.key); ok {
		return offset
	}
	return p.log.LastLine()
}

// take reads what there is, up to the end of the last whole line if there is
// one.
func (p *poll) take() (data []byte, missed int64) {
	data, missed = p.log.Read(p.from, p.limit)
	return data[:wholeLines(data)], missed
}

// wholeLines is how long the whole lines of data are, or all of it if no line
// ends there. A CR at the very end may be half of a CRLF.
func wholeLines(data []byte) int {
	if n := bytes.LastIndexByte(data, '\n'); n >= 0 {
		return n + 1
	}
	if n := bytes.LastIndexByte(data[:max(len(data)-1, 0)], '\r'); n >= 0 {
		return n + 1
	}
	return len(data)
}

func (s *Server) answerPoll(w http.ResponseWriter, r *http.Request, p *poll) error {
	ctx, forget := feedContext(r.Context())
	defer forget()
	var beats *feedWriter // once a heartbeat was sent
	for {
		data, missed := p.take()
		if len(data) > 0 || missed > 0 {
			s.endPoll(w, p, beats, data, missed)
			return nil
		}
		idle, last := p.wait.next()
		err := p.log.Wait(ctx, p.from, idle)
		switch {
		case err == nil:
		case errors.Is(err, streams.ErrIdle) && !last:
			if beats == nil {
				w.Header().Set("Trailer", "Gaffer-Offset, Gaffer-Missed")
				beats = s.startFeed(w, r, streamType)
			}
			beats.send([]byte("\n"))
		case errors.Is(err, streams.ErrIdle), errors.Is(err, io.EOF), errors.Is(err, ErrReplaced):
			s.endPoll(w, p, beats, nil, 0)
			return nil
		case beats != nil:
			panic(http.ErrAbortHandler)
		default:
			return err
		}
	}
}

// endPoll sends the answer, which is 204 if there is nothing, and then moves
// the caller's place.
func (s *Server) endPoll(w http.ResponseWriter, p *poll, beats *feedWriter, data []byte, missed int64) {
	next := p.from + missed + int64(len(data))
	setOffset(w.Header(), next) // a trailer if heartbeats were sent
	setMissed(w.Header(), missed)
	switch {
	case beats != nil && len(data) > 0:
		beats.send(data)
		beats.end()
	case beats != nil:
		beats.end()
	case len(data) == 0 && missed == 0:
		w.Header().Del("Content-Type")
		w.WriteHeader(http.StatusNoContent)
	default:
		_ = writeBody(w, http.StatusOK, streamType, data)
		if http.NewResponseController(w).Flush() != nil {
			panic(http.ErrAbortHandler) // the caller's place stays where it was
		}
	}
	if p.shared {
		s.polls.move(p.key, next, s.gone)
	}
}

// gone says whether an instance's streams are no more.
func (s *Server) gone(pid int) bool {
	_, err := s.manager.Labels(pid)
	return errors.Is(err, manager.ErrNotFound)
}
