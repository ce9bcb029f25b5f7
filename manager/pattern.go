package manager

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gafferd/gaffer/internal/nearest"
)

// Pattern is which events a subscriber wants. Its zero value is all of them,
// under both of their names, but for audit: that has to be asked for by its type,
// because whoever answers an event with a request would be told of that too. See
// Manager.EventsFor.
type Pattern struct {
	plain string // the type, for events by their plain name
	proc  bool   // events by their long name, of …
	name  string // … this process, "" for every one, and …
	kind  string // … this type, "" for every one
}

// Process is the one that the pattern is about, "" for one about all.
func (p Pattern) Process() string { return p.name }

// Audits reports whether the pattern is for audit events.
func (p Pattern) Audits() bool { return p.plain == EventAudit || p.kind == EventAudit }

// ParsePattern reads a pattern from its parts, as in the path of /watch:
//
//	(nothing)         everything, under both names
//	exit              one event of every process
//	proc              everything, under the long names
//	proc, web         everything about one process
//	proc, web, exit   one event of one process
//
// A name is one part, also with dots or colons in it, and need not exist. The
// error for anything else is ErrBadEvent.
func ParsePattern(parts ...string) (Pattern, error) {
	switch {
	case len(parts) == 0:
		return Pattern{}, nil
	case len(parts) == 1 && slices.Contains(eventTypes, parts[0]):
		return Pattern{plain: parts[0]}, nil
	case parts[0] == "proc" && len(parts) <= 3 && !slices.Contains(parts, ""):
		p := Pattern{proc: true}
		if len(parts) > 1 {
			p.name = parts[1]
		}
		if len(parts) < 3 {
			return p, nil
		}
		if p.kind = parts[2]; slices.Contains(eventTypes, p.kind) {
			return p, nil
		}
	}
	if len(parts) == 1 || len(parts) == 3 && parts[0] == "proc" && parts[1] != "" {
		last := parts[len(parts)-1]
		return Pattern{}, fmt.Errorf("%w: %q%s", ErrBadEvent, shorten(last), nearest.Note(last, eventTypes))
	}
	return Pattern{}, fmt.Errorf("%w: %q: write EVENT, proc/NAME or proc/NAME/EVENT", ErrBadEvent, shorten(strings.Join(parts, "/")))
}

// ParseDottedPattern reads a pattern from one text, as it is written for
// webhooks: "." is everything, "exit" and "proc.web.exit" are what ParsePattern
// makes of their parts. A name may have dots of its own: what follows the last
// dot is a part if it is the type of an event.
func ParseDottedPattern(text string) (Pattern, error) {
	about, long := strings.CutPrefix(text, "proc.")
	switch {
	case text == ".":
		return ParsePattern()
	case !long:
		return ParsePattern(text)
	}
	if dot := strings.LastIndexByte(about, '.'); dot >= 0 && slices.Contains(eventTypes, about[dot+1:]) {
		return ParsePattern("proc", about[:dot], about[dot+1:])
	}
	return ParsePattern("proc", about)
}

// matches reports whether the event is wanted under its long name, if named,
// or else under its plain one.
func (p Pattern) matches(ev *Event, named bool) bool {
	switch {
	case named && ev.Name == "":
		return false // it is about no process
	case p.plain != "":
		return !named && ev.Type == p.plain
	case p.proc:
		return named && (p.name == "" || p.name == ev.Name) && (p.kind == "" || p.kind == ev.Type)
	default:
		return true
	}
}
