package main

import (
	"net"
	"net/http"
)

// rawSubscribers is a bare net/http handler that sends a header and nothing
// more for as long as its client stays.
func rawSubscribers([]string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush() // a client that left ends the context
		<-r.Context().Done()
	})}
	go func() {
		untilStdinEnds()
		server.Close()
	}()
	if err := say(listener.Addr().String()); err != nil {
		return err
	}
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}
