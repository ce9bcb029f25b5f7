package main

import (
	"context"
	"errors"

	"github.com/gafferd/gaffer/httpapi"
	"github.com/gafferd/gaffer/httpapi/webhooks"
	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/internal/version"
	"github.com/gafferd/gaffer/manager"
)

// supervision is the daemon at work. assemble makes it, start sets it going, and end
// ends it, whatever it came to.
type supervision struct {
	setup
	manager *manager.Manager
	hooks   *webhooks.Webhooks
	reloads *reloader
	server  *httpapi.Server

	// What start has begun.
	reporting *part
	serving   *part
	replace   func()  // ends serving for another worker
	beside    []*part // what is of use only while the daemon serves
}

// supervise runs the processes and serves them until it is told to stop, and
// then ends everything.
func supervise(ctx context.Context, s setup) error {
	key, err := tokenKey(s.state, s.worker)
	if err != nil {
		return err
	}
	access, closeTokens, err := s.access()
	if err != nil {
		return err
	}
	defer closeTokens()
	work, err := s.assemble(access, key)
	if err != nil {
		return err
	}
	err = work.start()
	if err == nil {
		err = work.untilTheEnd(ctx)
	}
	return work.end(err)
}

// assemble makes the parts of the daemon, none of which does anything yet.
func (s setup) assemble(access httpapi.Access, key []byte) (*supervision, error) {
	settings := s.config.Settings
	vault, err := s.worker.vault()
	if err != nil {
		return nil, err
	}
	hooks, err := s.webhooks()
	if err != nil {
		return nil, err
	}
	m := manager.New(manager.Options{
		Launcher:        s.launcher,
		Logger:          s.log,
		State:           s.state,
		RunHistory:      settings.RunHistory,
		Vault:           vault,
		MaxProcesses:    settings.MaxProcesses,
		MaxNumProcesses: settings.MaxNumProcesses,
		OutputWindow:    settings.OutputWindow,
		OutputMemory:    settings.OutputMemory,
	})
	reloads := newReloader(s, m, hooks)
	server := httpapi.New(m, httpapi.Options{
		Access:       access,
		AuditLogger:  s.auditLog,
		AllowOrigins: settings.AllowOrigins,
		AllowHosts:   settings.AllowHosts,
		Limits:       limits(settings),
		Version:      version.Version(),
		Commit:       version.Commit(),
		DrainTimeout: drainTime,
		TokenKey:     key,
		Reload:       reloads.overHTTP(),
		Upgrade:      s.upgrades(),
		PluginsDir:   settings.PluginsDir,
		Webhooks:     hooks,
		Logger:       s.log,
	})
	return &supervision{setup: s, manager: m, hooks: hooks, reloads: reloads, server: server}, nil
}

// limits are what clients may take, by the configuration.
func limits(s config.Settings) httpapi.Limits {
	return httpapi.Limits{
		Body: s.MaxBody, HeaderTimeout: s.HeaderTimeout, IdleTimeout: s.IdleTimeout,
		Connections: s.MaxConnections, PeerConnections: s.MaxPeerConnections, PeerStreams: s.MaxPeerStreams,
		TokenGuesses: s.MaxTokenGuesses,
	}
}

// start adds the processes, serves, and makes that known. After an error end has to be
// called too: some of it may have begun.
func (s *supervision) start() error {
	s.reporting = begin(func(ctx context.Context) error { return s.service.report(ctx, s.manager) })

	// Whoever connects meanwhile waits, and finds what was there before. After an error
	// those are served as well, until the processes that have begun are stopped.
	err := s.manager.StartApps(s.apps(s.hooks)...)
	if err == nil {
		err = s.load()
	}
	s.serving, s.replace = s.serveAPI(s.server)
	if err != nil {
		return err
	}
	if err := s.keepConfig(s.config); err != nil {
		return err
	}
	if err := s.worker.ready(func() { summary(s.manager) }); err != nil {
		return err
	}
	s.began = true
	keepFiles(s.listeners, false) // its end is the daemon's from now on
	s.reloads.begin()
	s.beside = []*part{
		begin(func(ctx context.Context) error { s.reloads.onHangUp(ctx, s.signals.hangUp); return nil }),
		begin(func(ctx context.Context) error { return serveDebug(ctx, s.debugging, s.server, s.log) }),
		begin(func(ctx context.Context) error { s.onUpgrade(ctx, s.signals.upgrade); return nil }),
	}
	s.greet()
	s.service.ready(s.manager)
	if s.starter == nil {
		return nil
	}
	return s.starter.leave(s.logFile, s.worker)
}

// load adds the processes of the file and those that earlier daemons have left.
func (s *supervision) load() error {
	if s.worker.takesOver() {
		if complete, err := s.manager.Resume(s.worker.previous()); complete || err != nil {
			return err
		}
		if _, _, err := s.manager.Apply(s.config.Templates); err != nil {
			return err
		}
		_, err := s.manager.Restore() // those that are there are no surprise
		return err
	}
	if _, err := s.manager.Load(s.config.Templates); err != nil {
		return err
	}
	taken, err := s.manager.Restore()
	for _, name := range taken {
		s.log.Warn("a process that was made over the API is not restored: the configuration file has one of its name", "process", name)
	}
	return err
}

// end ends everything in the direction in which the data flows: the processes with all
// that they started, their streams, those who read them, the server. err is why, and
// what is returned has it, unless another worker goes on.
func (s *supervision) end(err error) error {
	for _, p := range s.beside {
		p.stop()
	}
	if errors.Is(err, errReplaced) {
		return s.handOver()
	}
	if err != nil && s.stays() {
		return err // and the processes run on, for the next worker to take over
	}
	if errors.Is(err, errKeeperGone) {
		s.serving.cancel() // a clean daemon may want the addresses at once
	}
	s.service.stopping(s.manager)
	return errors.Join(err, s.stopProcesses(), s.stopServing(), s.reporting.stop())
}
