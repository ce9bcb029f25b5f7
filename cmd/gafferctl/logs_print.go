package main

import (
	"bufio"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/fatih/color"

	"github.com/gafferd/gaffer/httpapi/client"
)

// logColors are taken in turn, one for each instance. Red is for stderr.
var logColors = []color.Attribute{
	color.FgCyan, color.FgYellow, color.FgGreen, color.FgMagenta, color.FgBlue,
	color.FgHiCyan, color.FgHiYellow, color.FgHiGreen, color.FgHiMagenta, color.FgHiBlue,
}

// maxTaken bounds how many instances keep their colour, beyond what anybody
// could tell apart.
const maxTaken = 1000

// logPrinter shows lines of logs. It is safe for concurrent use, and no line is
// mixed with another.
type logPrinter struct {
	cli    *cli
	colors bool
	times  bool
	apps   bool           // show which app a line is of
	match  *regexp.Regexp // what to point out; nil: nothing

	mu    sync.Mutex // guards everything below
	out   *bufio.Writer
	held  bool // out is flushed later
	some  bool // a line was shown
	taken map[string]color.Attribute
	open  string // the source whose unfinished line was shown last; "": none
}

func newLogPrinter(c *cli, times, apps bool) *logPrinter {
	return &logPrinter{cli: c, colors: colored(c.stdout), times: times, apps: apps,
		out: bufio.NewWriterSize(c.stdout, 32<<10), taken: map[string]color.Attribute{}}
}

// hold keeps what is shown until release, for when there is much of it.
func (p *logPrinter) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = true
}

// release shows what was kept, and what follows at once.
func (p *logPrinter) release() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = false
	return p.out.Flush()
}

// line shows one line, or tells of what is missing.
func (p *logPrinter) line(app string, l *client.LogLine) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.some = true
	switch {
	case p.cli.asJSON():
		p.out.WriteString(`{"app":"` + app + `",`) // the name of an app needs no escaping
		p.out.WriteString(strings.TrimLeft(string(l.JSON), "{ "))
		p.out.WriteByte('\n')
	case l.Missed > 0:
		p.end()
		if err := p.out.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(p.cli.stderr, "gafferctl: %d bytes of %s of %s are no longer kept\n", l.Missed, l.Stream, p.title(app, l))
	default:
		p.text(app, l)
	}
	if p.held {
		return nil
	}
	return p.out.Flush()
}

// text shows a line. One that has no end yet is left open, so that its rest can
// stand behind it if nothing comes between. p.mu must be held.
func (p *logPrinter) text(app string, l *client.LogLine) {
	source := fmt.Sprint(p.title(app, l), " ", l.Stream, " ", l.PID)
	if p.open != source { // else it is the rest of what is open

		p.end()
		if l.Continuation && !l.Partial && l.Text == "" {
			return // only the end of a line that has one here
		}
		p.head(app, l)
	}
	p.body(l)
	if p.open = ""; l.Partial {
		p.open = source
		return
	}
	p.out.WriteByte('\n')
}

// end ends a line that was left open. p.mu must be held.
func (p *logPrinter) end() {
	if p.open != "" {
		p.out.WriteByte('\n')
		p.open = ""
	}
}

// finish ends what is shown for good, and says so if that is nothing.
func (p *logPrinter) finish() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.some && !p.cli.asJSON() {
		fmt.Fprintln(p.cli.stderr, "gafferctl: there are no such lines")
	}
	p.end()
	return p.out.Flush()
}

// title is what a line begins with.
func (p *logPrinter) title(app string, l *client.LogLine) string {
	if !p.apps || strings.HasPrefix(l.Instance, app+"-") {
		return l.Instance
	}
	return app + ":" + l.Instance
}

// logTime is how the API writes the time of a line: what is shown with -t is
// what curl shows.
const logTime = "2006-01-02 15:04:05.000000000 +0000 UTC "

// head is the time and the title of a line. p.mu must be held.
func (p *logPrinter) head(app string, l *client.LogLine) {
	if p.times {
		p.out.WriteString(l.Time.UTC().Format(logTime))
	}
	title := p.title(app, l)
	head := "[" + title + "]"
	if p.colors {
		attribute, ok := p.taken[title]
		if !ok {
			if len(p.taken) == maxTaken {
				clear(p.taken)
			}
			attribute = logColors[len(p.taken)%len(logColors)]
			p.taken[title] = attribute
		}
		head = paint(head, attribute)
	}
	p.out.WriteString(head + " ")
}

// body is the text of a line. On a terminal stderr is red, and what was looked
// for stands out. p.mu must be held.
func (p *logPrinter) body(l *client.LogLine) {
	if !p.colors {
		p.out.WriteString(l.Text)
		return
	}
	plain := func(text string) string {
		if l.Stream == "stderr" && text != "" {
			return paint(text, color.FgRed)
		}
		return text
	}
	rest := 0 // l.Text[rest:] is yet to be shown
	if p.match != nil {
		for _, at := range p.match.FindAllStringIndex(l.Text, -1) {
			if at[0] < at[1] {
				p.out.WriteString(plain(l.Text[rest:at[0]]))
				p.out.WriteString(paint(l.Text[at[0]:at[1]], color.Bold, color.ReverseVideo))
				rest = at[1]
			}
		}
	}
	p.out.WriteString(plain(l.Text[rest:]))
	if strings.Contains(l.Text, "\x1b") {
		p.out.WriteString("\x1b[0m") // a colour left on ends with its line
	}
}
