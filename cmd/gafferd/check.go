package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/gafferd/gaffer/internal/config"
)

// check is gafferd --check: it reads the configuration as the daemon would,
// starts nothing, and sums up what it says. The error has every mistake in the file,
// or else all that would keep the daemon from starting, and stderr gets what is
// odd or not there yet.
func check(o options, stdout, stderr io.Writer) error {
	if o.config == "" {
		return usageError{errors.New("--check wants a configuration file: gafferd --check FILE")}
	}
	cfg, err := configuration(o)
	if err != nil {
		return err
	}
	warnings, err := setup{invocation: &invocation{options: o}, config: cfg, log: newLogger(stderr, o)}.checkStart()
	for _, w := range cfg.Warnings {
		fmt.Fprintf(stderr, "warning: %v\n", w)
	}
	for _, w := range warnings {
		fmt.Fprintf(stderr, "warning: %v\n", w)
	}
	if err != nil {
		return err
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

// checkStart finds what would keep the daemon from starting, as far as that can be
// told without opening or making anything. What a token or a socket in the environment
// of a service would mend is a warning.
func (s setup) checkStart() (warnings []error, err error) {
	var errs []error
	for _, e := range s.config.Endpoints {
		secure, err := tlsConfig(e, s.log)
		errs = append(errs, err)
		for _, a := range e.Bind {
			l, err := wouldListen(a)
			if err == nil {
				s.listeners = append(s.listeners, front(l, secure))
				if open := demandAccess(l, e, s.config.Settings); open != nil {
					warnings = append(warnings, open)
				}
			}
			errs = append(errs, err)
		}
	}
	_, closing, err := s.access()
	if err == nil {
		err = closing()
	}
	switch {
	case !errors.Is(err, errNobody):
		errs = append(errs, err)
	case s.config.Settings.StateDir == "": // else there may be tokens in it
		warnings = append(warnings, err)
	}
	return warnings, errors.Join(errs...)
}

// unopened is a listener that is none yet: it has an address, and nothing else.
type unopened struct {
	net.Listener
	addr net.Addr
}

// Addr implements net.Listener.
func (u unopened) Addr() net.Addr { return u.addr }

// wouldListen is what listen would open.
func wouldListen(a config.Address) (net.Listener, error) {
	if a.Network == "unix" {
		return unopened{addr: &net.UnixAddr{Name: a.Address, Net: "unix"}}, nil
	}
	addr, err := net.ResolveTCPAddr(family(a.Address), a.Address)
	if err != nil {
		return nil, explain(a, err)
	}
	return unopened{addr: addr}, nil
}

func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
