//go:build !manual

// Command gafferd runs processes, keeps them running, and lets others control
// and watch them over HTTP.
package main

import (
	"context"
	"os"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }
