package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/gafferd/gaffer/httpapi"
)

// listenDebug opens the address of --debug-addr, which must be one that only
// this machine reaches: a profile shows what is in memory.
func listenDebug(address string) (net.Listener, error) {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, usageError{fmt.Errorf("--debug-addr %s is not an address: write 127.0.0.1:PORT (%w)", address, err)}
	}
	if !addr.IP.IsLoopback() {
		return nil, usageError{fmt.Errorf("--debug-addr %s can be reached from elsewhere: write 127.0.0.1:PORT or [::1]:PORT", address)}
	}
	l, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--debug-addr: %w", err)
	}
	return l, nil
}

// serveDebug serves the profiles of package net/http/pprof until ctx ends, and only to
// those whom the API lets do everything: profiles tell what this program does, and cost
// it time. A nil listener serves nothing.
func serveDebug(ctx context.Context, l net.Listener, api *httpapi.Server, log *slog.Logger) error {
	if l == nil {
		return nil
	}
	server := debugServer(api, log)
	defer context.AfterFunc(ctx, func() { server.Close() })()
	log.Info("profiles are served", "url", "http://"+l.Addr().String()+"/debug/pprof/")
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		log.Warn("profiles are not served any more", "error", err)
		return err
	}
	return nil
}

// debugServer keeps no connection that does nothing: nobody counts them.
func debugServer(api *httpapi.Server, log *slog.Logger) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	const patience = 10 * time.Second
	return &http.Server{
		Handler: api.Guard(mux), ConnContext: api.ConnContext,
		ReadHeaderTimeout: patience, IdleTimeout: patience, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
