package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gafferd/gaffer/internal/config"
)

// configuration is the file's, with what the command line says laid over it.
func configuration(o options) (*config.Config, error) {
	cfg, err := o.readConfig()
	if err != nil {
		return nil, err
	}
	if len(o.bind) > 0 {
		endpoint, err := o.endpoint()
		if err != nil {
			return nil, err
		}
		cfg.Endpoints = []config.Endpoint{endpoint}
	}
	if len(cfg.Endpoints) == 0 {
		cfg.Endpoints = []config.Endpoint{{Bind: []config.Address{config.DefaultAddress}}}
	}
	for _, path := range []struct {
		from string
		to   *string
	}{
		{o.stateDir, &cfg.Settings.StateDir},
		{o.pluginsDir, &cfg.Settings.PluginsDir},
		{o.tokenFile, &cfg.Settings.TokenFile},
		{o.auditLog, &cfg.Settings.AuditLog},
	} {
		if path.from == "" {
			continue
		}
		if *path.to, err = filepath.Abs(path.from); err != nil {
			return nil, err
		}
	}
	cfg.Settings.RequireToken = cfg.Settings.RequireToken || o.requireToken
	cfg.Settings.TrustLoopback = cfg.Settings.TrustLoopback || o.trustLoopback
	if o.keyFile != "" && o.certFile == "" {
		return nil, usageError{errors.New("--keyfile does nothing without --certfile")}
	}
	for i := range cfg.Endpoints {
		e := &cfg.Endpoints[i]
		if o.certFile != "" {
			e.CertFile, e.KeyFile = o.certFile, o.keyFile
		}
		e.Backlog = cmp.Or(o.backlog, e.Backlog)
	}
	return cfg, nil
}

// readConfig is what the file says; without one nothing is said.
func (o options) readConfig() (*config.Config, error) {
	switch {
	case o.config == "":
		return new(config.Config), nil
	case o.check:
		return config.Preflight(o.config)
	}
	return config.Load(o.config)
}

// endpoint is that of --bind.
func (o options) endpoint() (e config.Endpoint, err error) {
	here, err := os.Getwd()
	if err != nil {
		return e, err
	}
	for _, text := range o.bind {
		address, err := config.ParseAddress(strings.TrimSpace(text), here)
		if err != nil {
			return e, usageError{fmt.Errorf("--bind: %w", err)}
		}
		e.Bind = append(e.Bind, address)
	}
	return e, nil
}
