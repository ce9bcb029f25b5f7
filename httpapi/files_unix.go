//go:build unix

package httpapi

import (
	"errors"
	"os"
	"syscall"
)

// maxFiles is how many descriptors this program may have; 0 if there is no end.
func maxFiles() int {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil || l.Cur > 1<<30 {
		return 0
	}
	return int(l.Cur)
}

// outOfFiles reports whether there was no descriptor left.
func outOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// spares are descriptors that are held for nothing but to be given back.
type spares struct{ files []*os.File }

func (s *spares) refill() {
	for len(s.files) < spareFiles {
		f, err := os.Open(os.DevNull)
		if err != nil {
			return
		}
		s.files = append(s.files, f)
	}
}

// lend gives up two, one for a connection and one for what is asked on it.
func (s *spares) lend() bool {
	if len(s.files) < 2 {
		return false
	}
	for range 2 {
		last := len(s.files) - 1
		s.files[last].Close()
		s.files = s.files[:last]
	}
	return true
}

func (s *spares) close() {
	for s.lend() {
	}
	for _, f := range s.files {
		f.Close()
	}
	s.files = nil
}
