package webhooks

import "net/url"

// Plan is what it takes to get from the hooks that the configuration file named to
// those that it names now.
type Plan struct {
	Added   []Planned // in the file's order
	Changed []Planned // that have another secret; likewise
	Removed []Planned // in the order in which they were added
}

// Planned is a hook in a plan. Plans are printed, and so the URL is only where it
// leads: its path and parameters are often what lets senders in.
type Planned struct {
	ID    string `json:"id"`
	Event string `json:"event"`
	URL   string `json:"url"`
}

// Plan returns what Follow would do, and changes nothing.
func (w *Webhooks) Plan(hooks []Hook) Plan {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.compare(hooks)
}

// compare is Plan. w.mu must be held.
func (w *Webhooks) compare(hooks []Hook) (p Plan) {
	wanted := make(map[string]bool, len(hooks))
	for _, next := range hooks {
		id := idOf(next)
		if wanted[id] {
			continue
		}
		wanted[id] = true
		switch h := w.named(id); {
		case h == nil:
			p.Added = append(p.Added, planned(next))
		case h.signedOtherwise(next.Secret):
			p.Changed = append(p.Changed, planned(next))
		}
	}
	for _, h := range w.hooks {
		if h.inFile && !wanted[h.id] {
			p.Removed = append(p.Removed, planned(h.wanted))
		}
	}
	return p
}

func (h *hook) signedOtherwise(secret string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.secret != secret
}

func planned(h Hook) Planned {
	p := Planned{idOf(h), h.Event, "…"}
	if u, err := url.Parse(h.URL); err == nil {
		p.URL = u.Scheme + "://" + u.Host + "/"
		if u.Path != "" && u.Path != "/" || u.RawQuery != "" {
			p.URL += "…"
		}
	}
	return p
}
