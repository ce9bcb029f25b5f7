package main

import (
	"fmt"
	"io"
	"log/slog"
)

// The forms of the daemon's log.
const (
	logText = "text"
	logJSON = "json"
)

// newLogger logs to w: what an operator wants to know, and with -v each request
// and each start and end of a process.
func newLogger(w io.Writer, o options) *slog.Logger {
	level := slog.LevelInfo
	if o.verbose > 0 {
		level = slog.LevelDebug
	}
	if o.logFormat == logJSON {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// startLog makes the log that the options describe. file is nil if it goes to stderr. So
// does the log of a worker that takes over and cannot open its file, since what runs is
// more important.
func (i *invocation) startLog() (log *slog.Logger, file *logFile, err error) {
	if i.logFile == "" {
		return newLogger(i.stderr, i.options), nil, nil
	}
	switch file, err = openLogFile(i.logFile); {
	case err != nil && i.worker.takesOver():
		log = newLogger(i.stderr, i.options)
		log.Error("the log goes to standard error", "error", err)
		return log, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("log file: %w", err)
	}
	return newLogger(file, i.options), file, nil
}
