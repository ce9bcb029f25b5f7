package main

import (
	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/internal/procfile"
	"github.com/gafferd/gaffer/manager"
)

// writers are what makes a configuration of templates.
var writers = map[string]func([]manager.Template) ([]byte, error){
	"ini":  config.MarshalINI,
	"json": config.MarshalJSON,
	"yaml": config.MarshalYAML,
}

func (c *cli) exportFile(app *procfile.App, group string, f procfile.Formation, format, to string) error {
	templates, err := app.Templates(f, group+":")
	if err != nil {
		return err
	}
	text, err := writers[format](templates)
	if err != nil {
		return err
	}
	if to == "" {
		_, err = c.stdout.Write(text)
		return err
	}
	return writeFile(to, text)
}
