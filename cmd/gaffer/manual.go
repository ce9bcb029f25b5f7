//go:build manual

package main

import (
	"log"
	"os"

	"github.com/gafferd/gaffer/internal/manual"
)

// main writes gaffer's manual into the folder that it is given: see make man.
func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run -tags manual ./cmd/gaffer SHARE")
	}
	if err := manual.Write(os.Args[1], "1", new(cli).root()); err != nil {
		log.Fatal(err)
	}
}
