package config

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/gafferd/gaffer/manager"
)

// webhooks reads [webhooks]: PATTERN = URL…, and secret:PATTERN = what the
// deliveries to them are signed with.
func webhooks(s section, ps *problems) []Webhook {
	var hooks []Webhook
	for _, k := range s.keys {
		if pattern, ok := strings.CutPrefix(k.key, "secret:"); ok {
			if urls, _ := get[[]any](s, pattern); len(urls) == 0 {
				ps.add(k.at, s.String(), k.key, "signs nothing: there is no %s = URL beside it", pattern)
			}
			continue
		}
		if _, err := manager.ParseDottedPattern(k.key); err != nil {
			ps.add(k.at, s.String(), k.key, "%v; write an event (exit), one of a process (proc.web.exit), or . for all", err)
		}
		secret, _ := get[string](s, "secret:"+k.key)
		urls, _ := k.value.([]any)
		if len(urls) == 0 {
			ps.add(k.at, s.String(), k.key, "names no URL: say where to send the event, such as http://127.0.0.1:8000/events")
		}
		for _, v := range urls {
			address := fmt.Sprint(v)
			if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				ps.add(k.at, s.String(), k.key, "%s is not a URL: write http://host/path or https://host/path", quote(address))
				continue
			}
			hooks = append(hooks, Webhook{Pattern: k.key, URL: address, Secret: secret})
		}
	}
	return hooks
}
