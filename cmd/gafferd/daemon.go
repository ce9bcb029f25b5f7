package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/gafferd/gaffer/httpapi"
	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/internal/version"
	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

// serve is the daemon: it returns when it was told to stop and has stopped, or
// when it could not start or go on.
func (i *invocation) serve(ctx context.Context, signals caught, starter *starter) (err error) {
	log, file, err := i.startLog()
	if err != nil {
		return err
	}
	defer func() { file.finish(log, err) }()
	service, err := newService(i.worker, log)
	if err != nil {
		return err
	}
	cfg, err := i.effective()
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		log.Warn("configuration", "problem", w.Error())
	}
	auditFile, auditLog, err := openAuditLog(cfg.Settings)
	if err != nil {
		return err
	}
	defer auditFile.close()
	reopening := begin(func(ctx context.Context) error { onReopen(ctx, signals.reopen, log, file, auditFile); return nil })
	defer reopening.stop()

	waiting := lobby{listen: func() ([]listener, error) {
		return listenAll(cfg, service.sockets, i.worker, log)
	}}
	// Before all else: a predecessor that is stopping still holds the rest too.
	var state *manager.State
	var listeners []listener
	if dir := cfg.Settings.StateDir; dir != "" {
		state, err = openState(ctx, dir, stateOptions(cfg.Settings, i.worker), signals.stop, waiting.open, log)
		listeners = waiting.close()
		defer closeAll(listeners) // in case nobody gets to serve them
		if err != nil {
			return err
		}
		if err := i.worker.hold(keptLock, state.Lock()); err != nil {
			return err
		}
		if !i.worker.takesOver() {
			if err := endSurvivors(ctx, state, log); err != nil {
				return err
			}
		}
		defer func() { err = errors.Join(err, state.Close()) }()
	}
	if i.pidFile != "" {
		held, err := holdPIDFile(i.pidFile, i.worker)
		if err != nil {
			return err
		}
		defer func() {
			if !i.stays() {
				held.release()
			}
		}()
	}
	// Listening comes before any process is started: a second daemon on the
	// same address must end without having done anything.
	if listeners == nil {
		if listeners, err = waiting.listen(); err != nil {
			return err
		}
		defer closeAll(listeners) // likewise
	}
	var debugging net.Listener
	if i.debugAddr != "" {
		switch debugging, err = listenDebug(i.debugAddr); {
		case err != nil && i.worker.takesOver():
			log.Error("profiles are not served any more", "error", err)
		case err != nil:
			return err
		default:
			defer debugging.Close() // in case nobody gets to serve it
		}
	}
	if dir := cfg.Settings.PluginsDir; dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			log.Warn("there is no such folder of plugins: they are served when it is there", "plugins_dir", dir)
		}
	}
	reserving := begin(func(context.Context) error { reserveThreads(spareThreads); return nil })
	launcher, err := i.worker.launcher()
	reserving.stop()
	if err != nil {
		return err
	}
	defer func() {
		if !i.stays() {
			launcher.Close()
		}
	}()
	return supervise(ctx, setup{i, cfg, log, service, signals, listeners, debugging, launcher, state, starter, file, auditLog})
}

// launcher starts the processes.
type launcher interface {
	process.Launcher
	Close() error
}

// setup is what the daemon has gathered when it begins to work.
type setup struct {
	*invocation
	config    *config.Config
	log       *slog.Logger
	service   *service
	signals   caught
	listeners []listener
	debugging net.Listener // nil without --debug-addr
	launcher  process.Launcher
	state     *manager.State // nil without a directory for it
	starter   *starter       // nil unless it was started by --daemon
	logFile   *logFile       // nil without --log-file
	auditLog  *slog.Logger   // nil without --audit-log
}

// supervise runs the processes and serves them until it is told to stop, and
// then ends everything in the direction in which the data flows: the processes
// with all that they started, their streams, those who read them, the server.
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
	vault, err := s.worker.vault()
	if err != nil {
		return err
	}
	hooks, err := s.webhooks()
	if err != nil {
		return err
	}
	m := manager.New(manager.Options{
		Launcher: s.launcher, Logger: s.log,
		State: s.state, RunHistory: s.config.Settings.RunHistory, Vault: vault,
		MaxProcesses: s.config.Settings.MaxProcesses, MaxNumProcesses: s.config.Settings.MaxNumProcesses,
	})
	reloads := newReloader(s, m, hooks)
	server := httpapi.New(m, httpapi.Options{
		Access:       access,
		AuditLogger:  s.auditLog,
		AllowOrigins: s.config.Settings.AllowOrigins,
		AllowHosts:   s.config.Settings.AllowHosts,
		Limits:       limits(s.config.Settings),
		Version:      version.Version(),
		Commit:       version.Commit(),
		DrainTimeout: drainTime,
		TokenKey:     key,
		Reload:       reloads.overHTTP(),
		Upgrade:      s.upgrades(),
		PluginsDir:   s.config.Settings.PluginsDir,
		Webhooks:     hooks,
		Logger:       s.log,
	})
	reporting := begin(func(ctx context.Context) error { return s.service.report(ctx, m) })

	// Who connects meanwhile waits, and finds what was there before.
	err = m.StartApps(s.apps(hooks)...)
	if err == nil {
		err = s.load(m)
	}
	serving, replace := s.serving(server)
	if err == nil {
		err = s.keepConfig(s.config)
	}
	if err == nil {
		err = s.worker.ready(func() { summary(m) })
	}
	if err == nil {
		s.began = true
		keepFiles(s.listeners, false) // its end is the daemon's from now on
		reloads.begin()
		reloading := begin(func(ctx context.Context) error { reloads.onHangUp(ctx, s.signals.hangUp); return nil })
		debugging := begin(func(ctx context.Context) error { return serveDebug(ctx, s.debugging, server, s.log) })
		upgrading := begin(func(ctx context.Context) error { s.onUpgrade(ctx, s.signals.upgrade); return nil })
		s.greet()
		s.service.ready(m)
		if s.starter != nil {
			err = s.starter.leave(s.logFile, s.worker)
		}
		if err == nil {
			err = s.untilTheEnd(ctx, m, serving)
		}
		reloading.stop()
		debugging.stop()
		upgrading.stop()
	}
	if errors.Is(err, errReplaced) {
		return s.handOver(m, replace, serving, hooks)
	}
	if err != nil && s.stays() {
		return err // and the processes run on, for the next worker to take over
	}
	if errors.Is(err, errKeeperGone) {
		serving.cancel() // a clean daemon may want the addresses at once
	}
	s.service.stopping(m)
	return errors.Join(err, s.stopProcesses(m), s.stopServing(serving), reporting.stop())
}

// load adds the processes of the file and those that earlier daemons have left.
func (s setup) load(m *manager.Manager) error {
	if s.worker.takesOver() {
		if complete, err := m.Resume(s.worker.previous()); complete || err != nil {
			return err
		}
		if _, _, err := m.Apply(s.config.Templates); err != nil {
			return err
		}
		_, err := m.Restore() // those that are there are no surprise
		return err
	}
	if _, err := m.Load(s.config.Templates); err != nil {
		return err
	}
	taken, err := m.Restore()
	for _, name := range taken {
		s.log.Warn("a process that was made over the API is not restored: the configuration file has one of its name", "process", name)
	}
	return err
}

// limits are what clients may take, by the configuration.
func limits(s config.Settings) httpapi.Limits {
	return httpapi.Limits{
		Body: s.MaxBody, HeaderTimeout: s.HeaderTimeout, IdleTimeout: s.IdleTimeout,
		Connections: s.MaxConnections, PeerConnections: s.MaxPeerConnections, PeerStreams: s.MaxPeerStreams,
		TokenGuesses: s.MaxTokenGuesses,
	}
}

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

// configuration is the file's, with what the command line says laid over it.
func configuration(o options) (*config.Config, error) {
	cfg := &config.Config{}
	if o.config != "" {
		var err error
		read := config.Load
		if o.check {
			read = config.Preflight
		}
		if cfg, err = read(o.config); err != nil {
			return nil, err
		}
	}
	if len(o.bind) > 0 {
		here, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		endpoint := config.Endpoint{}
		for _, s := range o.bind {
			address, err := config.ParseAddress(strings.TrimSpace(s), here)
			if err != nil {
				return nil, usageError{fmt.Errorf("--bind: %w", err)}
			}
			endpoint.Bind = append(endpoint.Bind, address)
		}
		cfg.Endpoints = []config.Endpoint{endpoint}
	}
	if len(cfg.Endpoints) == 0 {
		cfg.Endpoints = []config.Endpoint{{Bind: []config.Address{config.DefaultAddress}}}
	}
	if o.stateDir != "" {
		var err error
		if cfg.Settings.StateDir, err = filepath.Abs(o.stateDir); err != nil {
			return nil, err
		}
	}
	if o.pluginsDir != "" {
		var err error
		if cfg.Settings.PluginsDir, err = filepath.Abs(o.pluginsDir); err != nil {
			return nil, err
		}
	}
	if o.tokenFile != "" {
		var err error
		if cfg.Settings.TokenFile, err = filepath.Abs(o.tokenFile); err != nil {
			return nil, err
		}
	}
	if o.auditLog != "" {
		var err error
		if cfg.Settings.AuditLog, err = filepath.Abs(o.auditLog); err != nil {
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
