package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/gafferd/gaffer/manager"
)

// upgradeDaemon has the daemon go on in another program. The answer comes once
// that one has proved that it can; this server is about to end then.
func (s *Server) upgradeDaemon(w http.ResponseWriter, r *http.Request) error {
	// Whoever names the program in a body would get another one.
	if body, err := readBody(w, r); err != nil {
		return err
	} else if len(body) > 0 {
		return fmt.Errorf("%w: the body has to be empty; name the program as in /_upgrade?path=/an/absolute/path", errBadValue)
	}
	q := queryOf(r)
	path := q.text("path")
	if q.err != nil {
		return q.err
	}
	if path != "" && !filepath.IsAbs(path) {
		return badValue("path", path, "the absolute path of a program")
	}
	if s.upgrade == nil {
		return &conflictError{errors.New("the daemon is one process (--no-keeper, or not on Linux), with which everything ends: stop it and start the other program")}
	}
	if err := s.upgrade(path); err != nil {
		if s.manager.Closing() {
			return manager.ErrClosed
		}
		return &conflictError{fmt.Errorf("nothing was changed, the daemon goes on as it was: %w", err)}
	}
	return writeOK(w)
}
