package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	// maxBody is the default of Limits.Body.
	maxBody = 1 << 20

	// bodyTimeout is how long such a body may take to arrive.
	bodyTimeout = 30 * time.Second

	// lingerTime and lingerSize bound what is still read from a client that was
	// refused while it sends.
	lingerTime = 5 * time.Second
	lingerSize = 256 << 20
)

// past as a deadline ends a read or write that is under way.
var past = time.Unix(1, 0)

var (
	errBodyTooLarge = errors.New("the body is too large")
	errBadBody      = errors.New("the body is malformed or incomplete")
)

// requestBody is the body of a request. Errors of reading it are errBadBody, or
// errPeerGone if the connection has broken or was given up.
type requestBody struct{ r *http.Request }

// Read implements io.Reader.
func (b requestBody) Read(p []byte) (int, error) {
	n, err := b.r.Body.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	kind := errBadBody
	if _, broken := errors.AsType[net.Error](err); broken || b.r.Context().Err() != nil {
		kind = errPeerGone
	}
	return n, fmt.Errorf("%w: %w", kind, err)
}

// readBody reads a whole small body. It is an error to the client if that is
// too large or malformed; if it does not arrive in time the connection is dropped.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	most := int64(maxBody)
	if a, ok := w.(*answer); ok && a.maxBody > 0 {
		most = a.maxBody
	}
	tooLarge := fmt.Errorf("%w: it has more than %d bytes; only what is sent to a stream may be larger", errBodyTooLarge, most)
	if r.ContentLength > most {
		return nil, tooLarge
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTimeout)) // a writer that cannot is a test's
	body, err := io.ReadAll(io.LimitReader(requestBody{r}, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > most {
		return nil, tooLarge
	}
	// Left in place it would end the request when it comes: net/http reads on to
	// notice that the client goes away.
	_ = rc.SetReadDeadline(time.Time{})
	return body, visitorOf(r).ended() // while it came
}

// skipBody reads a body that means nothing here, so that the connection can be
// used again and its end be noticed.
func skipBody(w http.ResponseWriter, r *http.Request) error {
	_, err := readBody(w, r)
	return err
}

// linger sends the answer off and goes on reading, for a moment, the rest of a
// body that nobody wants. A client that is still sending would otherwise be
// cut off before it sees the answer.
func linger(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	endBody(w, r, time.Now().Add(lingerTime))
	rc := http.NewResponseController(w)
	_ = rc.EnableFullDuplex() // else net/http reads the body before it sends the answer
	if rc.Flush() == nil {
		_, _ = io.CopyN(io.Discard, r.Body, lingerSize)
	}
}

// closeAfter has the answer be the last of its connection, on which no other request
// could be read. In HTTP/2 a body is no matter of the others.
func closeAfter(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
}

// endBody says until when what is left of a body may be read.
func endBody(w http.ResponseWriter, r *http.Request, deadline time.Time) {
	if r.Body != nil && r.Body != http.NoBody {
		_ = http.NewResponseController(w).SetReadDeadline(deadline)
	}
}

// checkContentType is asked for JSON bodies only. No type, and the type that curl
// and gaffer's own client send, are as good as JSON: a page of another site
// that could send those is refused before. What is compressed is not read: it would have
// to be bounded twice.
func checkContentType(r *http.Request) error {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return fmt.Errorf("%w: Content-Encoding is %q; send the JSON as it is", errMediaType, shorten(coding))
	}
	got := r.Header.Get("Content-Type")
	if got == "" || isJSON(got) {
		return nil
	}
	return fmt.Errorf("%w: Content-Type is %q; send application/json", errMediaType, got)
}
