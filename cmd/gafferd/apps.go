package main

import (
	"github.com/gafferd/gaffer/internal/console"
	"github.com/gafferd/gaffer/manager"
)

// apps are what lives beside the processes: the console, if it was asked for.
func (s setup) apps() []manager.App {
	var apps []manager.App
	if s.verbose >= 2 {
		apps = append(apps, console.NewApp(s.stdout, console.Options{Color: console.Colored(s.stdout) && !s.daemon}, s.log))
	}
	return apps
}
