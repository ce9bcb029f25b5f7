//go:build manual

package main

import (
	"errors"
	"log"
	"os"

	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/internal/manual"
)

// main writes gafferd's manual into the folder that it is given: see make man.
func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: go run -tags manual ./cmd/gafferd SHARE CONFIGURATION.md")
	}
	if err := errors.Join(
		manual.Write(os.Args[1], "8", newCommand(new(options), nil)),
		manual.WritePage(os.Args[1], "5", "gaffer.ini", "configuration of gafferd", os.Args[2]),
		manual.WriteFile(os.Args[1], "gaffer/gaffer.schema.json", config.Schema()),
	); err != nil {
		log.Fatal(err)
	}
}
