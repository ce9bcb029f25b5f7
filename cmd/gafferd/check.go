package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

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
	settings := s.config.Settings
	switch {
	case !errors.Is(err, errNobody):
		errs = append(errs, err)
	case settings.StateDir == "": // else there may be tokens in it
		warnings = append(warnings, err)
	}
	errs = append(errs,
		wouldMake("state directory "+settings.StateDir, settings.StateDir),
		wouldWrite("audit log", settings.AuditLog),
		wouldWrite("log file", s.options.logFile),
		wouldWrite("pid file", s.pidFile),
	)
	if dir := settings.PluginsDir; dir != "" && !isDir(dir) {
		warnings = append(warnings, fmt.Errorf("plugins_dir: there is no folder %s: plugins are served when it is there", dir))
	}
	return warnings, errors.Join(errs...)
}

// wouldMake returns why a folder, unless it is "", can neither be there nor be made.
func wouldMake(what, dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wouldMake(what, filepath.Dir(dir))
	case err == nil && !info.IsDir():
		err = &os.PathError{Op: "mkdir", Path: dir, Err: unix.ENOTDIR}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// wouldWrite returns why a file, unless it is "", can neither be written nor be made.
func wouldWrite(what, path string) error {
	if path == "" {
		return nil
	}
	err := unix.Access(path, unix.W_OK)
	switch {
	case err == unix.ENOENT:
		err = unix.Access(filepath.Dir(path), unix.W_OK)
	case err == nil && isDir(path):
		err = unix.EISDIR
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, &os.PathError{Op: "open", Path: path, Err: err})
	}
	return nil
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
