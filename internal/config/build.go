package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gafferd/gaffer/internal/nearest"
	"github.com/gafferd/gaffer/manager"
	"github.com/gafferd/gaffer/process"
)

// build checks a document and makes the Config of it. What it adds to ps tells
// whether the Config is any good.
func build(doc document, ps *problems) *Config {
	refuseTwice(doc, ps)
	c := &Config{Places: map[string]Problem{}}
	var in section
	for _, s := range doc.sections {
		switch s.kind {
		case "gaffer":
			in = s
			apply(&c.Settings, gafferRows, s, ps)
			refuseTrust(c.Settings, s, ps)
		case "webhooks":
			c.Webhooks = append(c.Webhooks, webhooks(s, ps)...)
		case "process":
			c.Places[s.name] = *problem(s.at, s, "", "")
		}
	}
	c.Endpoints = endpoints(doc, in, ps)
	c.Templates = templates(doc, ps)
	refuseTooMany(doc, c, ps)
	return c
}

// refuseTwice reports sections that are there more than once: the one would
// silently add to the other, or replace it.
func refuseTwice(doc document, ps *problems) {
	first := map[string]place{}
	for _, s := range doc.sections {
		what := iniTitle(s.kind, s.name)
		if at, ok := first[what]; ok {
			ps.add(s.at, s, "", "is there a second time, first in %s on line %d: make one of the two", at.file, at.line)
			continue
		}
		first[what] = s.at
	}
}

// refuseTrust reports settings that let users in and keep them out: the daemon
// does not start with them.
func refuseTrust(settings Settings, in section, ps *problems) {
	other := "require_token"
	if !settings.RequireToken {
		other = "token_file"
	}
	if settings.TrustLoopback && (settings.RequireToken || settings.TokenFile != "") {
		_, at := get[any](in, "trust_loopback")
		ps.add(at.at, in, at.name, "lets users of this machine in without a token, and %s lets nobody in without: leave one out", other)
	}
}

// endpoints checks all of them, and returns those that http_endpoints of the
// section in names, in its order.
func endpoints(doc document, in section, ps *problems) []Endpoint {
	known := map[string]Endpoint{}
	names, wanted := get[[]any](in, "http_endpoints")
	for _, s := range doc.sections {
		if s.kind != "endpoint" {
			continue
		}
		known[s.name] = endpoint(s, ps)
		if !slices.Contains(names, any(s.name)) {
			ps.warn(s.at, s, "", "is not used, because http_endpoints of %s does not name it", s.spell("gaffer", ""))
		}
	}
	refuseSameAddress(doc, names, ps)
	var used []Endpoint
	for i, n := range names {
		name := fmt.Sprint(n)
		e, ok := known[name]
		switch {
		case !ok:
			ps.add(wanted.at, in, wanted.name, "%s", noEndpoint(name, in, slices.Sorted(maps.Keys(known))))
		case !slices.Contains(names[:i], n):
			used = append(used, e)
		}
	}
	return used
}

// refuseSameAddress reports addresses that two endpoints of those names have, or one
// twice: nobody can listen there a second time. Port 0 is another one each time.
func refuseSameAddress(doc document, names []any, ps *problems) {
	first := map[string]section{}
	for _, s := range doc.sections {
		if s.kind != "endpoint" || !slices.Contains(names, any(s.name)) {
			continue
		}
		binds, at := get[[]any](s, "bind")
		for _, b := range binds {
			a, err := ParseAddress(fmt.Sprint(b), s.dir)
			if err != nil || strings.HasSuffix(a.Address, ":0") {
				continue
			}
			if other, taken := first[a.String()]; taken {
				ps.add(at.at, s, at.name, "%v is an address of %s already: leave out one of the two", b, other)
				continue
			}
			first[a.String()] = s
		}
	}
}

func endpoint(s section, ps *problems) Endpoint {
	e := Endpoint{Name: s.name}
	apply(&e, endpointRows, s, ps)
	for _, key := range []string{"keyfile", "cacert"} {
		if value, at := get[string](s, key); value != "" && e.CertFile == "" {
			ps.add(at.at, s, at.name, "does nothing without a certfile")
		}
	}
	if binds, at := get[[]any](s, "bind"); len(binds) == 0 {
		ps.add(at.at, s, at.name, "is missing: say where to listen, such as 127.0.0.1:5000 or unix:/run/gaffer.sock")
	}
	binds := func(network string) bool {
		return slices.ContainsFunc(e.Bind, func(a Address) bool { return a.Network == network })
	}
	if value, at := get[any](s, "mode"); value != nil && !binds("unix") {
		ps.add(at.at, s, at.name, "does nothing without a unix socket in bind")
	}
	if value, at := get[any](s, "certfile"); value != nil && binds("unix") && !binds("tcp") {
		ps.warn(at.at, s, at.name, "does nothing for a unix socket, which mode protects, and bind has nothing else")
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
			near = "; the nearest is " + s.spell("process", nearest.Name(name, names))
		}
		ps.warn(s.at, s, "", "is not used, because there is no %s%s", s.spell("process", name), near)
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
		places["env"], places["env."+name] = k, k
	}
	for _, k := range env.keys {
		if given, at := get[any](s, "env:"+k.key); given != nil {
			ps.add(k.at, env, k.key, "is also given as %s in %s, on line %d: keep one", at.name, s, at.at.line)
		}
		setVariable(properties, k.key, k.value)
	}
	if cwd, ok := properties["cwd"].(string); ok || properties["cwd"] == nil {
		properties["cwd"] = absolute(cwd, s.dir)
	}
	if _, ok := properties["cmd"]; !ok {
		ps.add(s.at, s, "cmd", "is missing: say which program to run")
		properties["cmd"] = "missing" // what else is wrong is still told
	}

	t, err := manager.ParseTemplate(properties)
	for _, err := range leaves(err) {
		at, ok := places[keyOf(err)]
		if !ok {
			at = setting{key: keyOf(err), name: keyOf(err), at: s.at}
		}
		text := err.Error()
		if p, ok := errors.AsType[*process.PropertyError](err); ok {
			text = p.Problem + propertyHint(p.Property, properties[p.Property])
			if inner, ok := places[p.Property]; ok {
				at = inner
			}
			_, field, _ := strings.Cut(p.Property, ".")
			if line, ok := at.parts[field]; ok {
				at.at, at.name = line, at.name+"."+field
			}
		}
		ps.add(at.at, s, at.name, "%s", strings.TrimPrefix(text, keyOf(err)+": "))
	}
	return t
}

// refuseTooMany reports processes of more instances than there may be: the daemon
// does not start with them.
func refuseTooMany(doc document, c *Config, ps *problems) {
	limit := cmp.Or(c.Settings.MaxNumProcesses, manager.DefaultMaxNumProcesses)
	numbers := make(map[string]int, len(c.Templates))
	for _, t := range c.Templates {
		numbers[t.Name] = t.NumProcesses
	}
	for _, s := range doc.sections {
		if n := numbers[s.name]; s.kind == "process" && n > limit {
			_, at := get[any](s, "numprocesses")
			ps.add(at.at, s, at.name, "got %d, want 0 to %d, as max_numprocesses of %s says", n, limit, s.spell("gaffer", ""))
		}
	}
}

// warnOfMissing reports programs, directories, users and groups that are not there. A
// folder that a process only has by default is that of its file, which is.
func warnOfMissing(doc document, c *Config, ps *problems) {
	missing := make(map[string]error, len(c.Templates))
	for _, t := range c.Templates {
		missing[t.Name] = t.Preflight()
	}
	for _, s := range doc.sections {
		if s.kind != "process" {
			continue
		}
		for _, err := range leaves(missing[s.name]) {
			p, _ := errors.AsType[*process.PropertyError](err)
			_, at := get[any](s, p.Property)
			ps.warn(at.at, s, at.name, "%s: the process cannot be started unless that changes", p.Problem)
		}
	}
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
