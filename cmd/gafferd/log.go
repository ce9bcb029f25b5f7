package main

import (
	"io"
	"log/slog"
)

// newLogger logs to w: what an operator wants to know, and with -v each request
// and each start and end of a process.
func newLogger(w io.Writer, verbose int) *slog.Logger {
	level := slog.LevelInfo
	if verbose > 0 {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}
