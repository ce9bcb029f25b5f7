package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// check is gafferd --check: it reads the configuration as the daemon would,
// starts nothing, and sums up what it says. The error has every mistake, and
// stderr gets what is odd or not there yet.
func check(o options, stdout, stderr io.Writer) error {
	if o.config == "" {
		return usageError{errors.New("--check wants a configuration file: gafferd --check FILE")}
	}
	cfg, err := configuration(o)
	if err != nil {
		return err
	}
	if s := cfg.Settings; s.TrustLoopback && (s.RequireToken || s.TokenFile != "") { // of the command line: the file's have a line
		return errTrust
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintf(stderr, "warning: %v\n", w)
	}
	var addresses []string
	for _, e := range cfg.Endpoints {
		for _, a := range e.Bind {
			addresses = append(addresses, a.String())
		}
	}
	instances := 0
	for _, t := range cfg.Templates {
		if t.Start {
			instances += t.NumProcesses
		}
	}
	_, err = fmt.Fprintf(stdout, "%s is ok: %s (%s to start), %s, listening on %s\n", o.config,
		count(len(cfg.Templates), "process", "processes"), count(instances, "instance", "instances"),
		count(len(cfg.Webhooks), "webhook", "webhooks"), strings.Join(addresses, ", "))
	return err
}

func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
