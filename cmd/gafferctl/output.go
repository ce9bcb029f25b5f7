package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/fatih/color"
	"github.com/mattn/go-isatty"

	"github.com/gafferd/gaffer/internal/cmdline"
)

// outputs are the forms in which a command can print its result.
var outputs = []string{"table", "json", "plain"}

func (c *cli) checkOutput() error {
	if c.output == "" {
		c.output = "plain"
		if isTerminal(c.stdout) {
			c.output = "table"
		}
	}
	if !slices.Contains(outputs, c.output) {
		return usagef("--output %q: want %s", c.output, strings.Join(outputs, ", "))
	}
	return nil
}

func (c *cli) asJSON() bool  { return c.output == "json" }
func (c *cli) asTable() bool { return c.output == "table" }

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// interrupted ends what goes on until it is interrupted: on a terminal the line
// that has ^C in it.
func (c *cli) interrupted(ctx context.Context) {
	if isTerminal(c.stderr) && context.Cause(ctx) != cmdline.ErrUnread {
		fmt.Fprintln(c.stderr)
	}
}

// colored says whether w may be written to in colours: see no-color.org.
func colored(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// paint returns text in a colour. Whether colours are wanted is the caller's
// to know; fatih/color only ever looks at the standard output.
func paint(text string, attributes ...color.Attribute) string {
	p := color.New(attributes...)
	p.EnableColor()
	return p.Sprint(text)
}

// ok prints that a command was carried out.
func (c *cli) ok() error {
	if c.asJSON() {
		return c.print(`{"ok": true}`)
	}
	return c.print("ok")
}

// number prints a result that is a number. key is what the API calls it.
func (c *cli) number(key string, n int) error {
	if c.asJSON() {
		return c.print(`{%q: %d}`, key, n)
	}
	return c.print("%d", n)
}

// print prints a line.
func (c *cli) print(format string, args ...any) error {
	_, err := fmt.Fprintf(c.stdout, format+"\n", args...)
	return err
}

// lines prints a list, one a line.
func lines[T any](c *cli, list []T) error {
	if c.asJSON() {
		text, err := marshal(list, "")
		if err != nil {
			return err
		}
		return c.print("%s", text)
	}
	for _, item := range list {
		if err := c.print("%v", item); err != nil {
			return err
		}
	}
	return nil
}

// marshal is v as JSON for people to read, in which > is not \u003e.
func marshal(v any, indent string) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(text.Bytes()), nil
}

// raw prints a resource as the daemon sends it, indented. It keeps what this
// program does not know of.
func (c *cli) raw(ctx context.Context, path string, query url.Values) error {
	var text json.RawMessage
	if err := c.client.Do(ctx, http.MethodGet, path, query, nil, &text); err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return err
	}
	return c.print("%s", out.Bytes())
}
