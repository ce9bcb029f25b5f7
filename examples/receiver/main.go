// Command receiver prints the events that a webhook sends it, each once.
//
//	go run ./examples/receiver SECRET [127.0.0.1:8000]
package main

import (
	"crypto/hmac"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/gafferd/gaffer/httpapi/webhooks"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: receiver SECRET [ADDRESS]")
	}
	listener, err := net.Listen("tcp", append(os.Args[2:], "127.0.0.1:8000")[0])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, receiver(os.Args[1])))
}

func receiver(secret string) http.Handler {
	var mu sync.Mutex
	seen := map[string]bool{} // a real one would forget what is older than an hour
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			return
		}
		signature := webhooks.Signature(secret, body)
		if !hmac.Equal([]byte(signature), []byte(r.Header.Get("Gaffer-Signature"))) {
			http.Error(w, "the signature is wrong", http.StatusForbidden)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if id := r.Header.Get("Gaffer-Id"); !seen[id] {
			seen[id] = true
			fmt.Printf("%s\n", body)
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
