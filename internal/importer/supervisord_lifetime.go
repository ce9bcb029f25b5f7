package importer

import (
	"strings"
)

// lifetime is what an exit leads to.
//
// supervisord counts starts that do not live for startsecs, waits a second more
// before each, and gives up after startretries of them. The same here is a
// backoff of seconds, and flapping without a retry. Where neither is given
// gafferd's own ways are kept: it does not give up.
func (p *program) lifetime(made *process) {
	restart, given := p.section.get("autorestart")
	always, isFlag := truth(restart.value)
	switch {
	case !given || strings.EqualFold(restart.value, "unexpected"):
		made.set("restart", "on-failure", restart.at)
		if k, ok := p.section.get("exitcodes"); ok && strings.TrimSpace(k.value) != "0" {
			p.warnOnce(k.at, "has no counterpart: 0 alone is a success here; have the program exit with 0 when it is done")
		}
	case !isFlag:
		p.wrongOnce(restart.at, "got \""+restart.value+"\", want true, false or unexpected")
	case !always:
		made.set("restart", "never", restart.at)
	}

	seconds, hasSeconds := p.section.get("startsecs")
	retries, hasRetries := p.section.get("startretries")
	lived, tries := 1, 3
	if hasSeconds {
		lived = p.whole(seconds)
	}
	if hasRetries {
		tries = p.whole(retries)
	}
	const forever = 1000 // tries: nobody waits for so many
	switch {
	case !hasSeconds && !hasRetries || lived <= 0 || tries > forever:
	case tries < 1 && given && isFlag && !always: // it is not started again anyway
	case tries < 1:
		p.warnOnce(retries.at, "has no counterpart: gafferd tries again unless restart is never")
	default:
		at := seconds.at
		if hasRetries {
			at = retries.at
		}
		made.set("backoff", map[string]any{"initial": 1, "max": tries, "reset": lived}, at)
		made.set("flapping", map[string]any{
			"attempts": tries + 1, "window": tries*lived + tries*(tries+1)/2, "retry_in": 0, "max_retry": 0,
		}, at)
	}
}

func (p *program) warnOnce(at place, text string) {
	for _, w := range p.warnings {
		if w.File == at.file && w.Line == at.line && w.Text == text {
			return
		}
	}
	p.warn(at, "%s", text)
}
