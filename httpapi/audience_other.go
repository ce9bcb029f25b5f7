//go:build !linux

package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// Audiences are made on Linux only: elsewhere each reader keeps his goroutine.

type audiencesKey struct{}

type audiences struct{}

func newAudiences(*Server, context.Context, func(*guest)) *audiences { return nil }

func (*audiences) close()   {}
func (*audiences) dropAll() {}

func announceClose(http.ResponseWriter, *http.Request, *direct, *streams.Log) {}

func sitter(http.ResponseWriter, *http.Request, *direct, *reading, time.Duration) func(*events) bool {
	return nil
}

func walkOut(http.ResponseWriter, *http.Request, *direct, *reading, func(*feedWriter, context.Context)) bool {
	return false
}
