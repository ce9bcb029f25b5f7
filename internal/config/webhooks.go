package config

import (
	"net/url"
	"strings"

	"github.com/gafferd/gaffer/internal/nearest"
	"github.com/gafferd/gaffer/manager"
)

// webhooks reads [webhooks]: PATTERN = URL…, and secret:PATTERN = what the
// deliveries to them are signed with.
func webhooks(s section, ps *problems) []Webhook {
	var hooks []Webhook
	for _, k := range s.keys {
		if pattern, ok := strings.CutPrefix(k.key, "secret:"); ok {
			if urls, _ := get[[]any](s, pattern); len(urls) == 0 {
				ps.add(k.at, s, k.name, "signs nothing: there is no %s = URL beside it", pattern)
			}
			continue
		}
		if _, err := manager.ParseDottedPattern(k.key); err != nil {
			ps.add(k.at, s, k.name, "%v; write an event (exit), one of a process (proc.web.exit), or . for all", err)
		}
		secret, _ := get[string](s, "secret:"+k.key)
		hooks = append(hooks, receivers(k, k.value, secret, s, ps)...)
	}
	return hooks
}

// receivers are those that one pattern names: a URL, in YAML also an object
// with url and secret, or a list of such.
func receivers(k setting, value any, secret string, s section, ps *problems) []Webhook {
	wrong := func(format string, args ...any) []Webhook {
		ps.add(k.at, s, k.name, format, args...)
		return nil
	}
	switch v := value.(type) {
	case []any:
		var hooks []Webhook
		for _, item := range v {
			hooks = append(hooks, receivers(k, item, secret, s, ps)...)
		}
		if len(v) > 0 {
			return hooks
		}
	case map[string]any:
		for field := range v {
			if field != "url" && field != "secret" {
				at := k
				at.at, at.name = k.parts[field], k.name+"."+field
				ps.add(at.at, s, at.name, "is not a known field, the nearest is %q", nearest.Name(field, []string{"secret", "url"}))
			}
		}
		secret, isText := v["secret"].(string)
		if !isText && v["secret"] != nil {
			return wrong("got a secret that is not text")
		}
		if address, ok := v["url"].(string); ok {
			return receivers(k, address, secret, s, ps)
		}
	case string:
		if v == "" {
			break
		}
		if u, err := url.Parse(v); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return wrong("is not a URL: write http://host/path or https://host/path") // nor shown: it may be a secret
		}
		return []Webhook{{Pattern: k.key, URL: v, Secret: secret}}
	}
	return wrong("names no URL: say where to send the event, such as http://127.0.0.1:8000/events")
}
