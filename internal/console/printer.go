package console

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fatih/color"
)

// colors are taken in turn, one for each process.
var colors = []color.Attribute{
	color.FgCyan, color.FgYellow, color.FgGreen, color.FgMagenta, color.FgRed, color.FgBlue,
	color.FgHiCyan, color.FgHiYellow, color.FgHiGreen, color.FgHiMagenta, color.FgHiRed, color.FgHiBlue,
}

// printer writes lines under the names of instances. It is safe for concurrent
// use, and no line is mixed with another.
type printer struct {
	colored bool

	mu    sync.Mutex // guards everything below
	out   *bufio.Writer
	err   error // of the first write that failed; nothing is written after it
	width int   // of the longest name so far
	taken map[string]color.Attribute
	head  []byte // scratch

	status string // the last line of the terminal, "" if there is none
	shown  bool   // it is there now
}

// maxTaken bounds how many names keep their colour, beyond what anybody could
// tell apart.
const maxTaken = 1000

// label is what stands before the lines of an instance.
type label struct {
	name          string
	before, after string // around the label: the codes of its colour
}

func newPrinter(out io.Writer, o Options) *printer {
	return &printer{
		colored: o.Color,
		out:     bufio.NewWriterSize(out, 32<<10),
		width:   o.Width,
		taken:   map[string]color.Attribute{},
	}
}

// label is the label of an instance of a process.
func (p *printer) label(process string, index int) *label {
	return p.labelNamed(process, process+"."+strconv.Itoa(index))
}

// labelNamed is a label of any name, in the colour of a process.
func (p *printer) labelNamed(process, name string) *label {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.width = max(p.width, len(name))
	if !p.colored {
		return &label{name: name}
	}
	attribute, ok := p.taken[process]
	if !ok {
		if len(p.taken) == maxTaken {
			clear(p.taken)
		}
		attribute = colors[len(p.taken)%len(colors)]
		p.taken[process] = attribute
	}
	c := color.New(attribute)
	c.EnableColor() // whoever asks for colours has looked at the terminal
	before, after, _ := strings.Cut(c.Sprint("|"), "|")
	return &label{name, before, after}
}

// print writes one line.
func (p *printer) print(l *label, at time.Time, text []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	p.hideStatus()
	p.head = append(p.head[:0], l.before...)
	p.head = at.Local().AppendFormat(p.head, time.TimeOnly)
	p.head = fmt.Appendf(p.head, " %-*s |%s", p.width, l.name, l.after)
	p.out.Write(p.head)
	if len(text) > 0 {
		p.out.WriteByte(' ')
		p.out.Write(text)
	}
	if p.colored && bytes.IndexByte(text, '\x1b') >= 0 {
		p.out.WriteString("\x1b[0m") // a colour left on ends with its line
	}
	if err := p.out.WriteByte('\n'); err != nil { // a bufio.Writer's errors stay
		p.err = fmt.Errorf("print the output of processes: %w", err)
	}
	return p.err
}

// flush writes out what print has gathered.
func (p *printer) flush() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status != "" && !p.shown {
		p.shown = true
		p.out.WriteString(p.status)
	}
	if err := p.out.Flush(); err != nil && p.err == nil {
		p.err = fmt.Errorf("print the output of processes: %w", err)
	}
	return p.err
}

// hideStatus makes room where the status is shown. p.mu must be held.
func (p *printer) hideStatus() {
	if p.shown {
		p.shown = false
		p.out.WriteString("\r\x1b[K")
	}
}

// setStatus replaces the status, and shows it unless it is empty.
func (p *printer) setStatus(text string) error {
	p.mu.Lock()
	p.hideStatus()
	p.status = text
	p.mu.Unlock()
	return p.flush()
}

// failure is why nothing is printed any more, or nil.
func (p *printer) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
