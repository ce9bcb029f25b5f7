package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/gafferd/gaffer/httpapi"
	"github.com/gafferd/gaffer/manager"
)

// A program that serves its own manager, with a handler of its own besides.
func Example() {
	m := manager.New(manager.Options{})
	s := httpapi.New(m, httpapi.Options{Version: "1.0"})
	s.Handle("GET", "/hello", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "hello")
	}), httpapi.RouteDoc{Summary: "Greet", Response: "text/plain"})

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- s.Serve(ctx, l) }()

	for _, path := range []string{"/", "/hello"} {
		resp, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Printf("%s\n", body)
	}
	stop()
	fmt.Println(<-served, m.Shutdown(context.Background()))
	// Output:
	// {"welcome":"gaffer","version":"1.0"}
	//
	// hello
	// <nil> <nil>
}
