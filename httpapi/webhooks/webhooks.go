package webhooks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"

	"github.com/gafferd/gaffer/manager"
)

// maxHooks is how many there may be.
const maxHooks = 100

// Errors that callers may test for with errors.Is, besides the manager's
// ErrNotFound, ErrExists, ErrBadEvent and ErrClosed.
var (
	ErrBadURL  = errors.New("not a URL that events can be sent to")
	ErrTooMany = fmt.Errorf("there may be %d webhooks at most", maxHooks)
	ErrInFile  = errors.New("is in the configuration file")
)

// Options configure Webhooks. The zero value works.
type Options struct {
	Hooks     []Hook            // those of the configuration file
	Folder    *os.Root          // where what is to outlive the daemon is kept; nil: nowhere. It is closed by Stop
	Temporary bool              // Folder is gone with the daemon, and is only to outlive this process
	Transport http.RoundTripper // nil: net/http's, with proxies as the environment has them
	Logger    *slog.Logger      // nil: slog.Default
}

// Webhooks are an app of a manager: they deliver its events from when they are
// started until the last one. All methods may be called by any goroutine.
type Webhooks struct {
	folder    *os.Root // set by New, never changed, like the next five
	temporary bool
	log       *slog.Logger
	sender    *sender
	transport http.RoundTripper
	first     []Hook

	mu      sync.Mutex       // guards everything below; taken before any hook's
	manager *manager.Manager // nil before Start
	life    context.Context  // of all hooks; nil before Start
	end     context.CancelFunc
	hooks   []*hook // in the order in which they were added
	closed  bool
}

// New makes Webhooks that are yet to be started.
func New(o Options) *Webhooks {
	w := &Webhooks{folder: o.Folder, temporary: o.Temporary, log: o.Logger, transport: o.Transport, first: o.Hooks}
	if w.log == nil {
		w.log = slog.Default()
	}
	if w.transport == nil {
		w.transport = newTransport()
	}
	w.sender = newSender(w.transport, defaultTiming)
	return w
}

// Start implements manager.App.
func (w *Webhooks) Start(m *manager.Manager) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.manager = m
	w.life, w.end = context.WithCancel(context.Background())
	err := w.follow(w.first)
	if err == nil {
		w.restore()
		return nil
	}
	w.end()
	for _, h := range w.hooks {
		<-h.done
		h.journal.close()
	}
	if w.folder != nil {
		w.folder.Close()
	}
	return err
}

// Pause ends all work for a program that goes on with the same folder. What is
// being delivered may take until ctx ends.
func (w *Webhooks) Pause(ctx context.Context) {
	w.mu.Lock()
	w.closed = true
	hooks := w.hooks
	w.mu.Unlock()
	for _, h := range hooks {
		h.pause()
	}
	defer context.AfterFunc(ctx, w.end)()
	for _, h := range hooks {
		<-h.done
	}
}

// Stop implements manager.App. It gives the last events a moment to be delivered.
func (w *Webhooks) Stop(ctx context.Context) (err error) {
	w.mu.Lock()
	w.closed = true
	hooks := w.hooks
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, w.sender.timing.drain)
	defer cancel()
	defer context.AfterFunc(ctx, w.end)()
	left := 0
	for _, h := range hooks {
		<-h.done
		h.journal.close()
		left += h.left()
	}
	w.end()
	if t, ok := w.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
	if left > 0 && (w.folder == nil || w.temporary) {
		err = fmt.Errorf("%d events were not delivered and are lost: a state directory would have kept them", left)
	}
	if w.folder != nil {
		err = errors.Join(err, w.folder.Close())
	}
	return err
}

// List is all hooks.
func (w *Webhooks) List() []Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]Status, len(w.hooks))
	for i, h := range w.hooks {
		list[i] = h.status()
	}
	return list
}

// Get is one of them.
func (w *Webhooks) Get(id string) (Status, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.named(id)
	if h == nil {
		return Status{}, notFound(id)
	}
	return h.status(), nil
}

// Add adds a hook, which gets what happens from now on and is kept where there is
// a folder. There may be one for each pair of pattern and URL.
func (w *Webhooks) Add(wanted Hook) (id string, err error) {
	if err := wanted.check(); err != nil {
		return "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.life == nil || w.closed:
		return "", manager.ErrClosed
	case w.named(idOf(wanted)) != nil:
		return "", fmt.Errorf("a webhook for %s to that URL %w: it is %s", wanted.Event, manager.ErrExists, idOf(wanted))
	case len(w.hooks) >= maxHooks:
		return "", ErrTooMany
	}
	h, err := w.begin(wanted, false)
	if err != nil {
		return "", err
	}
	if err := w.save(); err != nil {
		w.drop(h)
		return "", err
	}
	return h.id, nil
}

// Remove forgets a hook and what it has not delivered. One of the configuration
// file is ErrInFile.
func (w *Webhooks) Remove(id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.named(id)
	switch {
	case w.closed:
		return manager.ErrClosed
	case h == nil:
		return notFound(id)
	case h.inFile:
		return fmt.Errorf("webhook %q %w: remove it there", id, ErrInFile)
	}
	w.drop(h)
	return w.save()
}

// Follow makes hooks the ones of the configuration file, in place of those that
// were before, and returns what that has come to. One that stays goes on as it was.
func (w *Webhooks) Follow(hooks []Hook) (Plan, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.life == nil || w.closed {
		return Plan{}, manager.ErrClosed
	}
	return w.compare(hooks), errors.Join(w.follow(hooks), w.save())
}

// follow is Follow. w.mu must be held.
func (w *Webhooks) follow(hooks []Hook) error {
	for i, wanted := range hooks {
		if err := wanted.check(); err != nil {
			return fmt.Errorf("webhook %d: %w", i+1, err)
		}
	}
	stays := func(h *hook) bool {
		return slices.ContainsFunc(hooks, func(wanted Hook) bool { return idOf(wanted) == h.id })
	}
	for _, h := range slices.Clone(w.hooks) {
		if h.inFile && !stays(h) {
			w.drop(h)
		}
	}
	for _, wanted := range hooks {
		h := w.named(idOf(wanted))
		if h == nil {
			if len(w.hooks) >= maxHooks {
				return ErrTooMany
			}
			if _, err := w.begin(wanted, true); err != nil {
				return err
			}
			continue
		}
		h.mu.Lock()
		h.secret, h.inFile = wanted.Secret, true
		h.mu.Unlock()
	}
	return nil
}

// begin starts a hook. w.mu must be held.
func (w *Webhooks) begin(wanted Hook, inFile bool) (*hook, error) {
	pattern, err := manager.ParseDottedPattern(wanted.Event)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(wanted.URL)
	if err != nil {
		return nil, ErrBadURL
	}
	id := idOf(wanted)
	events := w.manager.EventsFor(pattern)
	journal, outbox, since := openJournal(w.folder, id+journalSuffix, events.Last(), w.log)
	h := &hook{
		id: id, wanted: wanted, secret: wanted.Secret, shown: withoutSecrets(u), inFile: inFile,
		cursor: events.Subscribe(pattern, since), sender: w.sender,
		journal: journal, outbox: outbox, log: w.log, done: make(chan struct{}),
	}
	var life context.Context
	life, h.cancel = context.WithCancel(w.life)
	open, pause := context.WithCancel(life)
	h.pause = pause
	go h.run(life, open)
	w.hooks = append(w.hooks, h)
	return h, nil
}

// drop ends a hook and forgets it. w.mu must be held.
func (w *Webhooks) drop(h *hook) {
	h.cancel()
	<-h.done // at once: what is on its way is broken off
	h.journal.close()
	if err := h.journal.remove(); err != nil {
		w.log.Warn("the file of a webhook that is gone cannot be removed", "webhook", h.id, "error", err)
	}
	if n := h.left(); n > 0 {
		w.log.Info("a webhook was removed that had events to deliver", "webhook", h.id, "url", h.shown, "events", n)
	}
	w.hooks = slices.DeleteFunc(w.hooks, func(other *hook) bool { return other == h })
}

// named is the hook of that id, or nil. w.mu must be held.
func (w *Webhooks) named(id string) *hook {
	i := slices.IndexFunc(w.hooks, func(h *hook) bool { return h.id == id })
	if i < 0 {
		return nil
	}
	return w.hooks[i]
}

func notFound(id string) error { return fmt.Errorf("webhook %q %w", id, manager.ErrNotFound) }
