package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/gafferd/gaffer/httpapi"
	"github.com/gafferd/gaffer/internal/config"
)

// errReplaced means that another worker waits for this one's end.
var errReplaced = errors.New("replaced")

// serveAPI serves the listeners. replace ends that for another worker.
func (s setup) serveAPI(server *httpapi.Server) (serving *part, replace func()) {
	ctx, end := context.WithCancelCause(context.Background())
	serving = begin(func(stop context.Context) error {
		defer context.AfterFunc(stop, func() { end(nil) })()
		return server.Serve(ctx, served(s.listeners)...)
	})
	return serving, func() { end(httpapi.ErrReplaced) }
}

// stopServing ends serving for good: nobody is to connect any more.
func (s *supervision) stopServing() error {
	for _, l := range s.listeners {
		if l.kept != "" {
			_ = s.worker.dropListener(l.kept) // the keeper is gone, which has dropped all
		}
	}
	return s.serving.stop()
}

// handOverHooks is how long deliveries may take that are under way.
const handOverHooks = time.Second

// handOver ends this process and nothing else. What is left to do is in the
// keeper's hands and on disk, as if this one had been killed.
func (s *supervision) handOver() error {
	s.log.Info("another worker takes over")
	s.manager.HoldBack()
	s.worker.stays = true
	keepFiles(s.listeners, true)
	s.replace()
	<-s.serving.done
	ctx, cancel := context.WithTimeout(context.Background(), handOverHooks)
	defer cancel()
	s.hooks.Pause(ctx)
	return nil
}

// upgrades is httpapi.Options.Upgrade.
func (s setup) upgrades() func(path string) error {
	if s.worker == nil {
		return nil
	}
	return s.upgrade
}

// upgrade has this program replaced by the one at path; "" is where this one was
// started from. When it returns nil the other is there, and waits for this one's
// end, which has begun.
func (s setup) upgrade(path string) error {
	if path == "" {
		var err error
		if path, err = executable(); err != nil {
			return err
		}
	}
	s.log.Info("upgrading", "program", path)
	err := s.checkState()
	if err == nil {
		err = s.worker.upgrade(path)
	}
	if err != nil {
		s.log.Error("not upgraded: this worker goes on", "program", path, "error", err)
	}
	return err
}

// checkState finds what would keep the next worker from starting in the state
// directory. The program that is to be that one cannot: it proves itself by what the
// keeper has, and is not told of the directory before it is its turn.
func (s setup) checkState() error {
	if s.state == nil {
		return nil
	}
	if err := s.state.Check(); err != nil {
		return err
	}
	_, closing, err := s.tokens()
	if err != nil {
		return err
	}
	return closing()
}

// onUpgrade upgrades at each SIGUSR2, until ctx ends.
func (s setup) onUpgrade(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		}
		if s.worker == nil {
			s.log.Info("SIGUSR2 does nothing: there is no keeper, which could replace this process")
			continue
		}
		_ = s.upgrade("") // it is logged
	}
}

// effective is the configuration as it is in effect: what the file says, or what
// an earlier worker has made of it. A file that was changed meanwhile is followed
// at the next reload, and one that is wrong now is no reason not to go on.
func (i *invocation) effective() (*config.Config, error) {
	text, err := i.worker.takeText(keptConfig)
	if text == nil || err != nil {
		return configuration(i.options)
	}
	var c config.Config
	if err := json.Unmarshal(text, &c); err != nil {
		return configuration(i.options)
	}
	return &c, nil
}

// keepConfig leaves to later workers what is in effect. The processes are not in
// it: the manager knows more of them than the file does.
func (s setup) keepConfig(c *config.Config) error {
	kept := *c
	kept.Templates, kept.Warnings = nil, nil
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	return s.worker.holdText(keptConfig, text)
}
