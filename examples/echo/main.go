// Command echo is a child to try streams with: it prints what it reads, as it
// comes, and ends when its input does.
//
//	go build -o /tmp/echo ./examples/echo
//	curl -d '{"name": "echo", "cmd": "/tmp/echo", "redirect_input": true}' localhost:5000/processes
package main

import (
	"io"
	"log"
	"os"
)

func main() {
	if _, err := io.Copy(os.Stdout, os.Stdin); err != nil {
		log.Fatal(err)
	}
}
