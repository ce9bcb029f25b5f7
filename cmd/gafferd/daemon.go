package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"

	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

// serve is the daemon: it returns when it was told to stop and has stopped, or
// when it could not start or go on.
func (i *invocation) serve(ctx context.Context, signals caught, starter *starter) (err error) {
	reserving := begin(func(context.Context) error { reserveDescriptors(spareDescriptors); return nil })
	defer reserving.stop()
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
	auditFile, auditLog, err := i.openAuditLog(cfg.Settings, log)
	if err != nil {
		return err
	}
	defer auditFile.close()
	reopening := begin(func(ctx context.Context) error {
		onReopen(ctx, signals.reopen, log, file, auditFile)
		return nil
	})
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
		if err == nil {
			err = i.claim(ctx, state, log)
		}
		if err != nil {
			return err
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
	debugging, err := i.debugListener(log)
	if err != nil {
		return err
	}
	if debugging != nil {
		defer debugging.Close() // in case nobody gets to serve it
	}
	if dir := cfg.Settings.PluginsDir; dir != "" && !isDir(dir) {
		log.Warn("there is no such folder of plugins: they are served when it is there", "plugins_dir", dir)
	}
	launcher, err := i.launcher()
	if err != nil {
		return err
	}
	defer func() {
		if !i.stays() {
			launcher.Close()
		}
	}()
	return supervise(ctx, setup{
		invocation: i,
		config:     cfg,
		log:        log,
		service:    service,
		signals:    signals,
		listeners:  listeners,
		debugging:  debugging,
		launcher:   launcher,
		state:      state,
		starter:    starter,
		logFile:    file,
		auditLog:   auditLog,
	})
}

// claim makes a state directory that was opened this daemon's.
func (i *invocation) claim(ctx context.Context, state *manager.State, log *slog.Logger) error {
	if err := i.worker.hold(keptLock, state.Lock()); err != nil {
		return err
	}
	if i.worker.takesOver() {
		return nil // what runs is this daemon's own
	}
	return endSurvivors(ctx, state, log)
}

// debugListener is that of --debug-addr, or nil without one. A worker that
// takes over does without if it has to, since what runs is more important.
func (i *invocation) debugListener(log *slog.Logger) (net.Listener, error) {
	if i.debugAddr == "" {
		return nil, nil
	}
	l, err := listenDebug(i.debugAddr)
	if err != nil && i.worker.takesOver() {
		log.Error("profiles are not served any more", "error", err)
		return nil, nil
	}
	return l, err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// launcher makes the one that starts the processes, and meanwhile reserves threads.
func (i *invocation) launcher() (launcher, error) {
	reserving := begin(func(context.Context) error { reserveThreads(spareThreads); return nil })
	defer reserving.stop()
	return i.worker.launcher()
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
