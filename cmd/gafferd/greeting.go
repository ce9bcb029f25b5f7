package main

import (
	"fmt"
	"strings"

	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/internal/version"
)

// greet makes known that the daemon serves.
func (s setup) greet() {
	if s.worker.takesOver() {
		s.log.Warn("the worker was replaced, and what it ran runs on", "worker", s.worker.number(), "previous", s.worker.previous(), "version", version.Version())
		return
	}
	if s.logFormat == logJSON || s.logFile != nil {
		urls := make([]string, len(s.listeners))
		for i, l := range s.listeners {
			urls[i] = l.url
		}
		s.log.Info("listening", "version", version.Version(), "on", urls)
	}
	if s.logFormat == logText {
		fmt.Fprintln(s.stderr, greeting(s.listeners))
	}
}

// greeting says where the daemon listens and what to try.
func greeting(listeners []listener) string {
	urls := make([]string, len(listeners))
	for i, l := range listeners {
		urls[i] = l.url
	}
	connect := ""
	if url := listeners[0].reachable(); url != "http://"+config.DefaultAddress.Address {
		connect = " --connect " + url
	}
	return fmt.Sprintf("gafferd %s listens on %s. Try: gafferctl%s status", version.Version(), strings.Join(urls, ", "), connect)
}
