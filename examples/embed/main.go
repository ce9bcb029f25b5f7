// Command embed is a program that runs processes itself: a manager, its HTTP
// API, and a page of its own that follows a process with the browser's
// EventSource.
//
//	go run ./examples/embed [127.0.0.1:5001]
package main

import (
	"context"
	_ "embed"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"

	"github.com/gafferd/gaffer/httpapi"
	"github.com/gafferd/gaffer/manager"
)

//go:embed eventsource.html
var page []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, append(os.Args[1:], "127.0.0.1:5001")[0]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	m := manager.New(manager.Options{})
	defer m.Shutdown(context.Background())
	clock := manager.NewTemplate("clock", "while :; do date; sleep 1; done")
	clock.Shell = true
	if _, err := m.Create(clock); err != nil {
		return err
	}

	server := httpapi.New(m, httpapi.Options{})
	server.Handle("GET", "/page", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	}), httpapi.RouteDoc{Summary: "A page that follows the clock"})
	fmt.Printf("open http://%s/page\n", listener.Addr())
	return server.Serve(ctx, listener)
}
