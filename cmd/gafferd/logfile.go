package main

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// logFile is the file of --log-file, or that of --audit-log. It may be moved away while
// it is written: reopen makes another. It is safe for concurrent use.
type logFile struct {
	path string // never changed

	mu      sync.Mutex // guards everything below
	f       *os.File   // nil: it is to be opened when there is something to write
	outputs bool       // it is also what this program prints, down to the trace of a crash
	worker  *worker    // whose keeper prints there too, with outputs
}

// openLogFile opens a file for its end; it is made if it is not there.
func openLogFile(path string) (*logFile, error) {
	l := &logFile{path: path}
	if err := l.reopen(); err != nil {
		return nil, err
	}
	return l, nil
}

// Write implements io.Writer.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		f, err := l.open()
		if err != nil {
			return 0, err
		}
		l.f = f
	}
	return l.f.Write(p)
}

func (l *logFile) open() (*os.File, error) {
	return os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOCTTY, 0o640)
}

// reopen goes on in the file that is at the path now. When that cannot be, it
// goes on where it was. A disk that does not answer holds up no writer.
func (l *logFile) reopen() error {
	f, err := l.open()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.outputs {
		if err := redirect(l.worker, f); err != nil {
			f.Close()
			return err
		}
	}
	if l.f != nil {
		l.f.Close()
	}
	l.f = f
	return nil
}

// takeOutputs has the file be standard output and error from now on.
func (l *logFile) takeOutputs(w *worker) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outputs, l.worker = true, w
	return redirect(w, l.f)
}

// finish closes the file. Before that it writes the error with which the daemon ends, if
// there is one, unless that will get into the file by itself. l may be nil.
func (l *logFile) finish(log *slog.Logger, err error) {
	if l == nil {
		return
	}
	l.mu.Lock()
	outputs := l.outputs
	l.mu.Unlock()
	if err != nil && !outputs {
		log.Error("gafferd has failed", "error", err)
	}
	l.close()
}

// close closes the file. l may be nil.
func (l *logFile) close() {
	if l != nil {
		l.f.Close()
	}
}

// onReopen opens the log files again at each SIGUSR1, until ctx ends. A file is
// nil if there is none.
func onReopen(ctx context.Context, signals <-chan os.Signal, log *slog.Logger, files ...*logFile) {
	files = slices.DeleteFunc(files, func(f *logFile) bool { return f == nil })
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		}
		if len(files) == 0 {
			log.Info("SIGUSR1 does nothing: there is no --log-file to open again")
		}
		for _, file := range files {
			if err := file.reopen(); err != nil {
				log.Error("the log file was not opened again: the log goes on in the one before", "error", err)
				continue
			}
			log.Info("log file opened again", "file", file.path)
		}
	}
}
