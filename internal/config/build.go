package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gafferd/gaffer/internal/nearest"
	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

// build checks a document and makes the Config of it. What it adds to ps tells
// whether the Config is any good.
func build(doc document, ps *problems) *Config {
	refuseTwice(doc, ps)
	c := &Config{}
	var wanted setting
	for _, s := range doc.sections {
		switch s.kind {
		case "gaffer":
			c.Settings = settings(s, ps)
			_, wanted = get[[]any](s, "http_endpoints")
		case "webhooks":
			c.Webhooks = append(c.Webhooks, webhooks(s, ps)...)
		}
	}
	c.Endpoints = endpoints(doc, wanted, ps)
	c.Templates = templates(doc, ps)
	return c
}

// refuseTwice reports sections that are there more than once: the one would
// silently add to the other, or replace it.
func refuseTwice(doc document, ps *problems) {
	first := map[string]place{}
	for _, s := range doc.sections {
		if at, ok := first[s.String()]; ok {
			ps.add(s.at, s.String(), "", "is there a second time, first in %s on line %d: make one of the two", at.file, at.line)
			continue
		}
		first[s.String()] = s.at
	}
}

// settings reads [gaffer], but for http_endpoints and what is read before.
func settings(s section, ps *problems) Settings {
	var out Settings
	origins, at := get[[]any](s, "allow_origins")
	for _, o := range origins {
		origin := fmt.Sprint(o)
		if u, err := url.Parse(origin); err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host || u.Scheme != "http" && u.Scheme != "https" {
			ps.add(at.at, s.String(), at.key, "%s is not an origin: write each as http://host or https://host:port, with nothing after it", quote(origin))
			continue
		}
		out.AllowOrigins = append(out.AllowOrigins, origin)
	}
	if dir, _ := get[string](s, "state_dir"); dir != "" {
		out.StateDir = absolute(dir, s.dir)
	}
	if dir, _ := get[string](s, "plugins_dir"); dir != "" {
		out.PluginsDir = absolute(dir, s.dir)
	}
	times := map[string]*time.Duration{"run_history": &out.RunHistory, "log_age": &out.LogAge}
	for _, key := range slices.Sorted(maps.Keys(times)) {
		value, at := get[any](s, key)
		if value == nil {
			continue
		}
		seconds, ok := positive(value)
		if !ok {
			ps.add(at.at, s.String(), at.key, "%v is not a time: give a number of seconds above 0, at most a year", value)
		}
		*times[key] = seconds
	}
	if value, at := get[any](s, "log_size"); value != nil {
		mebibytes := toFloat(value)
		if !(mebibytes >= 1 && mebibytes <= maxLogSize) {
			ps.add(at.at, s.String(), at.key, "%v is not a size: give a number of MiB from 1 to %d", value, maxLogSize)
		}
		out.LogSize = int64(mebibytes * (1 << 20))
	}
	hosts, at := get[[]any](s, "allow_hosts")
	for _, h := range hosts {
		host := fmt.Sprint(h)
		if strings.ContainsAny(host, "/:* \t@") {
			ps.add(at.at, s.String(), at.key, "%s is not a host name: write each without scheme, port or path", quote(host))
			continue
		}
		out.AllowHosts = append(out.AllowHosts, host)
	}
	return out
}

// maxLogSize is 1 TiB, in MiB.
const maxLogSize = 1 << 20

// toFloat is the number that a value is, or 0.
func toFloat(value any) float64 {
	switch v := value.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

// positive is a number of seconds as a duration.
func positive(value any) (time.Duration, bool) {
	seconds := toFloat(value)
	const year = 366 * 24 * time.Hour
	ok := seconds > 0 && seconds <= year.Seconds()
	return time.Duration(seconds * float64(time.Second)), ok
}

// endpoints checks all of them, and returns those that http_endpoints names, in
// its order.
func endpoints(doc document, wanted setting, ps *problems) []Endpoint {
	known := map[string]Endpoint{}
	names, _ := wanted.value.([]any)
	for _, s := range doc.sections {
		if s.kind != "endpoint" {
			continue
		}
		known[s.name] = endpoint(s, ps)
		if !slices.Contains(names, any(s.name)) {
			ps.warn(s.at, s.String(), "", "is not used, because http_endpoints of [gaffer] does not name it")
		}
	}
	var used []Endpoint
	for i, n := range names {
		name := fmt.Sprint(n)
		e, ok := known[name]
		switch {
		case !ok && len(known) == 0:
			ps.add(wanted.at, "[gaffer]", wanted.key, "%s is not defined: add a section [endpoint:%s]", quote(name), name)
		case !ok:
			ps.add(wanted.at, "[gaffer]", wanted.key, "there is no [endpoint:%s]; the nearest is [endpoint:%s]", name, nearest.Name(name, slices.Sorted(maps.Keys(known))))
		case !slices.Contains(names[:i], n):
			used = append(used, e)
		}
	}
	return used
}

func endpoint(s section, ps *problems) Endpoint {
	wrong := func(at setting, format string, args ...any) { ps.add(at.at, s.String(), at.key, format, args...) }
	path := func(key string) string {
		value, _ := get[string](s, key)
		if value == "" {
			return ""
		}
		return absolute(value, s.dir)
	}
	e := Endpoint{Name: s.name, CertFile: path("certfile"), KeyFile: path("keyfile"), CACert: path("cacert")}
	for _, key := range []string{"keyfile", "cacert"} {
		if value, at := get[string](s, key); value != "" && e.CertFile == "" {
			wrong(at, "does nothing without a certfile")
		}
	}
	binds, at := get[[]any](s, "bind")
	if len(binds) == 0 {
		wrong(at, "is missing: say where to listen, such as 127.0.0.1:5000 or unix:/run/gaffer.sock")
	}
	for _, b := range binds {
		address, err := ParseAddress(fmt.Sprint(b), s.dir)
		if err != nil {
			wrong(at, "%v", err)
			continue
		}
		e.Bind = append(e.Bind, address)
	}
	if value, at := get[any](s, "backlog"); value != nil {
		var ok bool
		if e.Backlog, ok = value.(int); !ok || e.Backlog < 1 {
			wrong(at, "%v is not a length for the queue of new connections: give a whole number from 1", value)
		}
	}
	if value, at := get[string](s, "mode"); value != "" {
		var err error
		if e.Mode, err = ParseMode(value); err != nil {
			wrong(at, "%v", err)
		}
		if !slices.ContainsFunc(e.Bind, func(a Address) bool { return a.Network == "unix" }) {
			wrong(at, "does nothing without a unix socket in bind")
		}
	}
	return e
}

// templates reads the processes, each with its environment.
func templates(doc document, ps *problems) []manager.Template {
	envs := map[string]section{}
	var names []string
	for _, s := range doc.sections {
		switch s.kind {
		case "env":
			envs[s.name] = s
		case "process":
			names = append(names, s.name)
		}
	}
	var out []manager.Template
	for _, s := range doc.sections {
		if s.kind == "process" {
			out = append(out, template(s, envs[s.name], ps))
			delete(envs, s.name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(envs)) {
		s := envs[name]
		near := ""
		if len(names) > 0 {
			near = "; the nearest is [process:" + nearest.Name(name, names) + "]"
		}
		ps.warn(s.at, s.String(), "", "is not used, because there is no [process:%s]%s", name, near)
	}
	return out
}

// template makes one template. A process from a file runs in the file's folder
// unless it says otherwise, so that `cmd = ./web` and paths in its arguments
// mean the same wherever the daemon was started.
func template(s, env section, ps *problems) manager.Template {
	properties := map[string]any{"name": s.name}
	places := map[string]setting{}
	for _, k := range s.keys {
		name, isVariable := strings.CutPrefix(k.key, "env:")
		if !isVariable {
			properties[k.key], places[k.key] = k.value, k
			continue
		}
		setVariable(properties, name, k.value)
		places["env"] = k
	}
	for _, k := range env.keys {
		if given, at := get[any](s, "env:"+k.key); given != nil {
			ps.add(k.at, env.String(), k.key, "is also given as %s in %s, on line %d: keep one", at.key, s, at.at.line)
		}
		setVariable(properties, k.key, k.value)
	}
	cwd, _ := properties["cwd"].(string)
	properties["cwd"] = absolute(cwd, s.dir)
	if _, ok := properties["cmd"]; !ok {
		ps.add(s.at, s.String(), "cmd", "is missing: say which program to run")
		properties["cmd"] = "missing" // what else is wrong is still told
	}

	t, err := manager.ParseTemplate(properties)
	for _, err := range leaves(err) {
		at, ok := places[keyOf(err)]
		if !ok {
			at = setting{key: keyOf(err), at: s.at}
		}
		text := err.Error()
		if p, ok := errors.AsType[*process.PropertyError](err); ok {
			text = p.Problem
		}
		ps.add(at.at, s.String(), at.key, "%s", strings.TrimPrefix(text, keyOf(err)+": "))
	}
	return t
}

func setVariable(properties map[string]any, name string, value any) {
	env, ok := properties["env"].(map[string]any)
	if !ok {
		env = map[string]any{}
		properties["env"] = env
	}
	env[name] = value
}

// leaves are the errors that were joined into err.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var out []error
	for _, e := range joined.Unwrap() {
		out = append(out, leaves(e)...)
	}
	return out
}

// keyOf is the key that an error of manager.ParseTemplate is about.
func keyOf(err error) string {
	if p, ok := errors.AsType[*process.PropertyError](err); ok {
		key, _, _ := strings.Cut(p.Property, ".")
		return key
	}
	if errors.Is(err, manager.ErrBadValue) {
		return "numprocesses"
	}
	return ""
}
