package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"unicode"

	"github.com/gafferd/gaffer/httpapi"
	"github.com/gafferd/gaffer/httpapi/webhooks"
	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/manager"
)

// reloader reads the configuration file again, when it is told to, and has the
// manager follow it. One reload follows the other, each with the file as it is
// when its turn comes: so the last one to begin is the one that counts.
type reloader struct {
	options options                        // set by newReloader, never changed, like the rest
	running *config.Config                 // as the daemon was started with
	read    func() (*config.Config, error) // what the file says now
	keep    func(*config.Config) error     // leaves to later workers what is in effect
	manager *manager.Manager
	hooks   *webhooks.Webhooks
	log     *slog.Logger
	service *service
	turn    chan struct{} // has a token while nobody reloads
}

// newReloader is one that waits for begin.
func newReloader(s setup, m *manager.Manager, hooks *webhooks.Webhooks) *reloader {
	read := func() (*config.Config, error) { return readAgain(s.options) }
	return &reloader{s.options, s.config, read, s.keepConfig, m, hooks, s.log, s.service, make(chan struct{}, 1)}
}

// begin lets reloads happen: the file has been loaded for the first time.
func (r *reloader) begin() { r.turn <- struct{}{} }

// overHTTP is httpapi.Options.Reload.
func (r *reloader) overHTTP() func(context.Context, bool) (httpapi.Reloaded, error) {
	if r.options.config == "" {
		return nil
	}
	return r.reload
}

// reload follows the file, or only tells what that would come to.
func (r *reloader) reload(ctx context.Context, planOnly bool) (httpapi.Reloaded, error) {
	select {
	case <-r.turn:
	case <-ctx.Done():
		return httpapi.Reloaded{}, context.Cause(ctx)
	}
	var cfg *config.Config
	reading := begin(func(context.Context) (err error) { cfg, err = r.read(); return err })
	select {
	case <-reading.done:
		defer r.begin()
	case <-ctx.Done(): // a file system may be dead, and the daemon has yet to stop
		go func() { // the next one's turn is when that is over
			<-reading.done
			r.begin()
		}()
		return httpapi.Reloaded{}, context.Cause(ctx)
	}
	if reading.err != nil {
		return httpapi.Reloaded{}, &httpapi.ConfigurationError{Err: reading.err}
	}
	done := httpapi.Reloaded{NeedsRestart: needRestart(r.running, cfg)}
	for _, w := range cfg.Warnings {
		done.Warnings = append(done.Warnings, w.Error())
	}
	var err error
	if planOnly {
		done.Webhooks = r.hooks.Plan(hooksOf(cfg))
		done.Plan, err = r.manager.Plan(cfg.Templates)
		return done, inFile(cfg, err)
	}
	if done.Plan, done.Operation, err = r.manager.Apply(cfg.Templates); err != nil {
		return httpapi.Reloaded{}, inFile(cfg, err)
	}
	if done.Webhooks, err = r.hooks.Follow(hooksOf(cfg)); err != nil {
		r.log.Error("not all webhooks of the file are followed", "error", err)
		done.Warnings = append(done.Warnings, err.Error())
	}
	inEffect := *r.running
	inEffect.Webhooks = cfg.Webhooks
	if err := r.keep(&inEffect); err != nil {
		done.Warnings = append(done.Warnings, fmt.Sprintf("after a crash the webhooks would be those from before: %v", err))
	}
	r.tell(done)
	return done, nil
}

// inFile has what is wrong with templates of a configuration say where they are.
func inFile(cfg *config.Config, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var errs []error
	for _, err := range joined.Unwrap() {
		if e, ok := errors.AsType[*manager.TemplateError](err); ok {
			at := cfg.Places[e.Name]
			err = fmt.Errorf("%s%w", at.Error(), e.Err)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// readAgain reads the file, unless that cannot be done twice: the end of a pipe looks
// like a file from which everything was deleted.
func readAgain(o options) (*config.Config, error) {
	info, err := os.Stat(o.config)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read the configuration: %s is not a file that can be read again: start gafferd with one", o.config)
	}
	return configuration(o)
}

func (r *reloader) tell(done httpapi.Reloaded) {
	changed := make([]string, len(done.Plan.Changed))
	for i, c := range done.Plan.Changed {
		changed[i] = c.Name
	}
	r.log.Info("configuration reloaded", "added", done.Plan.Added, "changed", changed, "removed", done.Plan.Removed)
	if w := done.Webhooks; len(w.Added)+len(w.Changed)+len(w.Removed) > 0 {
		r.log.Info("webhooks reloaded", "added", w.Added, "changed", w.Changed, "removed", w.Removed)
	}
	for _, w := range done.Warnings {
		r.log.Warn("configuration", "problem", w)
	}
	if len(done.NeedsRestart) > 0 {
		r.log.Warn("some settings have changed that are followed when gafferd is started again", "settings", done.NeedsRestart)
	}
}

// onHangUp reloads at each SIGHUP, until ctx ends. Those that come during a
// reload make one more.
func (r *reloader) onHangUp(ctx context.Context, hangUps <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangUps:
		}
		r.service.reloading()
		r.hangUp(ctx)
		r.service.ready(r.manager) // also when nothing was changed: the reload is over
	}
}

func (r *reloader) hangUp(ctx context.Context) {
	if r.options.config == "" {
		r.log.Info("SIGHUP does nothing: gafferd was started without a configuration file")
		return
	}
	if _, err := r.reload(ctx, false); err != nil && ctx.Err() == nil {
		for problem := range strings.SplitSeq(err.Error(), "\n") {
			r.log.Error("configuration not reloaded, and nothing was changed", "problem", problem)
		}
	}
}

// needRestart names what the file says otherwise than the one that the daemon
// was started with, processes and webhooks apart: nothing else can change meanwhile.
func needRestart(running, now *config.Config) []string {
	names := different(running.Settings, now.Settings)
	before, after := *running, *now
	before.Settings, after.Settings = config.Settings{}, config.Settings{}
	before.Templates, after.Templates = nil, nil
	before.Webhooks, after.Webhooks = nil, nil
	before.Warnings, after.Warnings = nil, nil
	before.Places, after.Places = nil, nil
	return append(names, different(before, after)...)
}

// different names the fields in which two structs differ, as users know them:
// StateDir is state_dir.
func different(a, b any) []string {
	var names []string
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		if !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			names = append(names, snakeCase(x.Type().Field(i).Name))
		}
	}
	return names
}

func snakeCase(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
