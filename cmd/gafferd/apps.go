package main

import (
	"os"

	"github.com/gafferd/gaffer/httpapi/webhooks"
	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/internal/console"
	"github.com/gafferd/gaffer/manager"
)

// apps are what lives beside the processes: the webhooks, and the console if it
// was asked for.
func (s setup) apps(hooks *webhooks.Webhooks) []manager.App {
	apps := []manager.App{hooks}
	if s.verbose >= 2 {
		apps = append(apps, console.NewApp(s.stdout, console.Options{Color: console.Colored(s.stdout) && !s.daemon}, s.log))
	}
	return apps
}

// webhooks are those of the file, and those made over the API that the state
// directory knows.
func (s setup) webhooks() (*webhooks.Webhooks, error) {
	var folder *os.Root
	var err error
	if s.state != nil {
		folder, err = s.state.Folder("webhooks")
	} else {
		folder, err = s.worker.scratch()
	}
	if err != nil {
		return nil, err
	}
	return webhooks.New(webhooks.Options{
		Hooks: hooksOf(s.config), Folder: folder, Temporary: s.state == nil, Logger: s.log,
	}), nil
}

// hooksOf are the webhooks of a configuration.
func hooksOf(c *config.Config) []webhooks.Hook {
	hooks := make([]webhooks.Hook, len(c.Webhooks))
	for i, h := range c.Webhooks {
		hooks[i] = webhooks.Hook{Event: h.Pattern, URL: h.URL, Secret: h.Secret}
	}
	return hooks
}
