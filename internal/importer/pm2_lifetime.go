package importer

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// restarts is what an exit leads to.
//
// pm2 starts again at once, or after restart_delay, and gives up after
// max_restarts exits in a row that came before min_uptime. Where those are not
// given gafferd's own ways are kept: it waits longer and longer, and does not
// give up.
func (a *pm2App) restarts() {
	never := false
	if e, ok := a.keys["autorestart"]; ok && !a.flag(e) {
		a.made.set("restart", "never", e.at)
		never = true
	}
	if e, ok := a.keys["stop_exit_codes"]; ok && !never { // with never, every code stops it
		codes := []string{}
		if e.value.Kind == yaml.SequenceNode {
			codes = a.texts(e)
		} else if s := a.text(e); s != "" {
			codes = strings.FieldsFunc(s, func(c rune) bool { return c == ',' || c == ' ' })
		}
		if slices.Contains(codes, "0") {
			a.made.set("restart", "on-failure", e.at)
		}
		if len(codes) > 1 || len(codes) == 1 && codes[0] != "0" {
			a.warn(e.at, "has no counterpart: 0 alone can be a success here, with restart: on-failure")
		}
	}
	delay, hasDelay := 0.0, false
	if e, ok := a.keys["restart_delay"]; ok {
		if delay, hasDelay = a.seconds(e); hasDelay && delay > 0 {
			a.made.set("backoff", map[string]any{"initial": plainNumber(delay), "max": plainNumber(delay)}, e.at)
		}
	}
	if e, ok := a.keys["exp_backoff_restart_delay"]; ok {
		if initial, ok := a.seconds(e); ok && initial > 0 {
			a.made.set("backoff", map[string]any{"initial": plainNumber(initial), "max": plainNumber(max(15, initial)), "reset": 30}, e.at)
			return // pm2 does not count these exits
		}
	}
	e, ok := a.keys["max_restarts"]
	up, hasUp := a.keys["min_uptime"]
	if !ok && !hasUp {
		return
	}
	limit, lived := 16.0, 1.0
	if ok {
		limit, _ = a.number(e)
	}
	if hasUp {
		lived, _ = a.seconds(up)
	}
	switch {
	case limit < 1:
		a.warn(e.at, "has no counterpart: gafferd tries again unless restart is never")
	case limit <= 1000: // nobody waits for more
		if !hasDelay {
			a.made.set("backoff", map[string]any{"initial": 0}, e.at)
		}
		a.made.set("flapping", map[string]any{
			"attempts": int(limit), "window": plainNumber(limit * (lived + delay)), "retry_in": 0, "max_retry": 0,
		}, e.at)
	}
}

// plain are the properties that are the same under another name.
func (a *pm2App) plain() {
	a.made.set("stop_signal", "INT", a.made.at) // as pm2 does, and node programs expect
	if e, ok := a.keys["kill_timeout"]; ok {
		if seconds, ok := a.seconds(e); ok {
			a.made.set("graceful_timeout", plainNumber(seconds), e.at)
		}
	}
	if e, ok := a.keys["cwd"]; ok {
		cwd := a.text(e)
		if cwd == "~" || strings.HasPrefix(cwd, "~/") {
			cwd = "${HOME}" + escape(cwd[1:])
		} else {
			cwd = escape(cwd)
		}
		a.made.set("cwd", cwd, e.at)
	}
	for _, name := range []string{"uid", "gid"} {
		if e, ok := a.keys[name]; ok {
			a.made.set(name, escape(a.text(e)), e.at)
		}
	}
}

// seconds is a time: a number by itself is in milliseconds, and s, m and h behind it
// are what they say.
func (a *pm2App) seconds(e entry) (float64, bool) {
	s, by := a.text(e), 1e-3
	for unit, seconds := range map[string]float64{"s": 1, "m": 60, "h": 3600} {
		if number, ok := strings.CutSuffix(s, unit); ok {
			s, by = number, seconds
			break
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 || n > 1e12 || n != n {
		a.wrong(e.at, "got %s, want milliseconds, or a number with s, m or h", came(e.value))
		return 0, false
	}
	return n * by, true
}
