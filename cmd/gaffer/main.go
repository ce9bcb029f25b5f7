//go:build !manual

// Gaffer runs the application that a Procfile describes: in the foreground
// while you work on it, or in a gafferd that goes on without you.
package main

import (
	"context"
	"os"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }
