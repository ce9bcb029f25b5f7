package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// key is a row of the tables below, from which the readers, the checks, the
// JSON Schema and the table in docs/configuration.md are made. A new key needs
// a row and a field, no more.
type key struct {
	name     string
	how      form
	doc      string // one sentence for the docs and for editors
	standard string // what it is when it is not given, "" if there is nothing to say
}

// row is a key with what it sets. Its value has the form; dir is what relative
// paths are relative to. A key that is read elsewhere has no set.
type row[T any] struct {
	key
	set func(to *T, value any, dir string) error
}

var gafferRows = []row[Settings]{
	{key{name: "http_endpoints", how: list, doc: "Names of the endpoints to open.", standard: "one endpoint on 127.0.0.1:5000"}, nil},
	{key{name: "include", how: words, doc: "More files to read, of either spelling."}, nil},
	{key{name: "include_dir", how: words, doc: "Folders of which every *.ini, *.yaml and *.yml is read."}, nil},
	checked(key{name: "allow_origins", how: list, doc: "Web origins whose pages may use the API, such as https://console.example.org."},
		func(s *Settings) *[]string { return &s.AllowOrigins }, checkOrigin),
	checked(key{name: "allow_hosts", how: list, doc: "Names by which clients may call the server."},
		func(s *Settings) *[]string { return &s.AllowHosts }, checkHost),
	path(key{name: "state_dir", doc: "A folder for what is to outlive the daemon, as --state-dir says.", standard: "everything is in memory"},
		func(s *Settings) *string { return &s.StateDir }),
	duration(key{name: "run_history", doc: "How long what was run once is listed after its end.", standard: "1h"},
		func(s *Settings) *time.Duration { return &s.RunHistory }),
	bytesOf(key{name: "output_window", doc: "How much of each output is kept in memory.", standard: "1MiB"},
		func(s *Settings) *int64 { return &s.OutputWindow }),
	bytesOf(key{name: "output_memory", doc: "How much memory the output of all processes may take.", standard: "256MiB"},
		func(s *Settings) *int64 { return &s.OutputMemory }),
	bytesOf(key{name: "log_size", doc: "How much is kept of the logs of each process, with a state directory.", standard: "100MiB"},
		func(s *Settings) *int64 { return &s.LogSize }),
	duration(key{name: "log_age", doc: "How long the logs of each process are kept, with a state directory.", standard: "7d"},
		func(s *Settings) *time.Duration { return &s.LogAge }),
	bytesOf(key{name: "max_body", doc: "The largest body of a request, but for what is sent to a process.", standard: "1MiB"},
		func(s *Settings) *int64 { return &s.MaxBody }),
	duration(key{name: "header_timeout", doc: "How long the head of a request may take to arrive.", standard: "10s"},
		func(s *Settings) *time.Duration { return &s.HeaderTimeout }),
	duration(key{name: "idle_timeout", doc: "How long a connection may wait for another request.", standard: "2m"},
		func(s *Settings) *time.Duration { return &s.IdleTimeout }),
	count(key{name: "max_connections", doc: "How many connections may be in use.", standard: "10000, or half of the descriptors if that is less"},
		func(s *Settings) *int { return &s.MaxConnections }),
	count(key{name: "max_peer_connections", doc: "How many of them may be of one user of this machine or one address.", standard: "half of max_connections"},
		func(s *Settings) *int { return &s.MaxPeerConnections }),
	count(key{name: "max_peer_streams", doc: "How many feeds, websockets and inputs one user of this machine or one address may have open.", standard: "2000"},
		func(s *Settings) *int { return &s.MaxPeerStreams }),
	count(key{name: "max_processes", doc: "How many processes there may be before no more are made over the API.", standard: "10000"},
		func(s *Settings) *int { return &s.MaxProcesses }),
	count(key{name: "max_numprocesses", doc: "How many instances a process may have.", standard: "10000"},
		func(s *Settings) *int { return &s.MaxNumProcesses }),
	path(key{name: "plugins_dir", doc: "A folder of plugins to serve below /_plugin/."},
		func(s *Settings) *string { return &s.PluginsDir }),
	path(key{name: "token_file", doc: "A file with the token of the administrator, as --token-file says. Every request on TCP then needs a token."},
		func(s *Settings) *string { return &s.TokenFile }),
	flagKey(key{name: "require_token", doc: "Whether every request on TCP needs a token.", standard: "false"},
		func(s *Settings) *bool { return &s.RequireToken }),
	flagKey(key{name: "trust_loopback", doc: "Whether all users of this machine, and not this one and root alone, may use the API on loopback addresses.", standard: "false"},
		func(s *Settings) *bool { return &s.TrustLoopback }),
	count(key{name: "max_token_guesses", doc: "How many tokens that are not valid one user of this machine or one address may send in a minute.", standard: "20"},
		func(s *Settings) *int { return &s.MaxTokenGuesses }),
	path(key{name: "audit_log", doc: "A file that tells, a line for each, which requests have changed something or tried to, as --audit-log says."},
		func(s *Settings) *string { return &s.AuditLog }),
}

var endpointRows = []row[Endpoint]{
	{key{name: "bind", how: list, doc: "Where to listen: host:port, [v6]:port or unix:/path. A unix socket is made with mode 0600, and one that nobody listens on any more is replaced."}, setBind},
	{key{name: "backlog", how: number, doc: "How many new connections may wait.", standard: "the system's limit"}, setBacklog},
	{key{name: "mode", how: text, doc: "Who may connect to its unix sockets, in octal.", standard: "0600"}, setMode},
	path(key{name: "certfile", doc: "Certificates: TLS on the TCP addresses."}, func(e *Endpoint) *string { return &e.CertFile }),
	path(key{name: "keyfile", doc: "The key of certfile.", standard: "it is in certfile"}, func(e *Endpoint) *string { return &e.KeyFile }),
	path(key{name: "cacert", doc: "Clients must show a certificate that one of these signed."}, func(e *Endpoint) *string { return &e.CACert }),
}

// keysOf are the keys of a kind of section, but for those of processes, which
// package manager knows, and for those that are free.
func keysOf(kind string) []key {
	switch kind {
	case "gaffer":
		return keys(gafferRows)
	case "endpoint":
		return keys(endpointRows)
	}
	return nil
}

func keys[T any](rows []row[T]) []key {
	out := make([]key, len(rows))
	for i, r := range rows {
		out[i] = r.key
	}
	return out
}

func keyNamed(kind, name string) (key, bool) {
	all := keysOf(kind)
	i := slices.IndexFunc(all, func(k key) bool { return k.name == name })
	if i < 0 {
		return key{}, false
	}
	return all[i], true
}

func keyNames(kind string) []string {
	var names []string
	for _, k := range keysOf(kind) {
		names = append(names, k.name)
	}
	slices.Sort(names)
	return names
}

// apply sets what a section gives.
func apply[T any](to *T, rows []row[T], s section, ps *problems) {
	for _, r := range rows {
		value, at := get[any](s, r.name)
		if value == nil {
			continue
		}
		if r.set == nil {
			continue
		}
		for _, err := range leaves(r.set(to, value, s.dir)) {
			ps.add(at.at, s, at.name, "%v", err)
		}
	}
}

// path is a key that names a file or folder.
func path[T any](k key, in func(*T) *string) row[T] {
	k.how = text
	return row[T]{k, func(to *T, v any, dir string) error {
		if s, _ := v.(string); s != "" {
			*in(to) = absolute(s, dir)
		}
		return nil
	}}
}

func flagKey[T any](k key, in func(*T) *bool) row[T] {
	k.how = flag
	return row[T]{k, func(to *T, v any, _ string) error {
		*in(to), _ = v.(bool)
		return nil
	}}
}

func duration[T any](k key, in func(*T) *time.Duration) row[T] {
	k.how = age
	return row[T]{k, func(to *T, v any, _ string) (err error) {
		*in(to), err = seconds(v)
		return err
	}}
}

// count is a key that is a number of things.
func count[T any](k key, in func(*T) *int) row[T] {
	k.how = number
	return row[T]{k, func(to *T, v any, _ string) error {
		n, ok := v.(int)
		if !ok || n < 1 || n > 1<<30 {
			return fmt.Errorf("got %v, want a whole number from 1", v)
		}
		*in(to) = n
		return nil
	}}
}

// bytesOf is a key that is a size.
func bytesOf[T any](k key, in func(*T) *int64) row[T] {
	k.how = size
	return row[T]{k, func(to *T, v any, _ string) error {
		n, _ := toFloat(v)
		if !(n >= 1 && n <= 1<<40) {
			return errors.New("is not a size: give one above 0, at most 1TiB, such as 100MiB or 2GB")
		}
		*in(to) = int64(n)
		return nil
	}}
}

// checked is a list of which each item has to pass.
func checked[T any](k key, in func(*T) *[]string, check func(string) error) row[T] {
	return row[T]{k, func(to *T, v any, _ string) error {
		var errs []error
		items, _ := v.([]any)
		for _, item := range items {
			s := fmt.Sprint(item)
			if err := check(s); err != nil {
				errs = append(errs, err)
				continue
			}
			*in(to) = append(*in(to), s)
		}
		return errors.Join(errs...)
	}}
}

func checkOrigin(origin string) error {
	if u, err := url.Parse(origin); err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s is not an origin: write each as http://host or https://host:port, with nothing after it", quote(origin))
	}
	return nil
}

func checkHost(host string) error {
	if strings.ContainsAny(host, "/:* \t@") {
		return fmt.Errorf("%s is not a host name: write each without scheme, port or path", quote(host))
	}
	return nil
}

func setBind(e *Endpoint, v any, dir string) error {
	var errs []error
	binds, _ := v.([]any)
	for _, b := range binds {
		address, err := ParseAddress(fmt.Sprint(b), dir)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		e.Bind = append(e.Bind, address)
	}
	return errors.Join(errs...)
}

func setBacklog(e *Endpoint, v any, _ string) error {
	n, ok := v.(int)
	if !ok || n < 1 {
		return fmt.Errorf("%v is not a length for the queue of new connections: give a whole number from 1", v)
	}
	e.Backlog = n
	return nil
}

func setMode(e *Endpoint, v any, _ string) error {
	s, _ := v.(string)
	mode, err := ParseMode(strings.TrimPrefix(s, "0o"))
	e.Mode = mode
	return err
}
