package main

import (
	"errors"

	"github.com/gafferd/gaffer/internal/procfile"
)

func (c *cli) exportFile(app *procfile.App, group string, f procfile.Formation, format, to string) error {
	_, err := app.Templates(f, group+":")
	return errors.Join(err, errors.New("not yet"))
}
