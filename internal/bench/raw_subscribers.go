package main

import "net/http"

// rawSubscribers is a bare net/http handler that sends a header and nothing
// more for as long as its client stays.
func rawSubscribers([]string) error {
	return serveRaw("127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush() // a client that left ends the context
		<-r.Context().Done()
	})
}
