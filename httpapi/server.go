package httpapi

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gafferd/gaffer/httpapi/tokens"
	"github.com/gafferd/gaffer/httpapi/webhooks"
	"github.com/gafferd/gaffer/manager"
)

// DefaultStallTimeout is how long a peer may take no byte of an answer before
// its connection is given up. It is generous: a reader that was stopped in a
// debugger goes on where it was, and costs nobody else anything meanwhile.
const DefaultStallTimeout = 10 * time.Minute

// Options configure a Server. The zero value works.
type Options struct {
	// Access says who may come in: this program's own user and root, unless it
	// says otherwise.
	Access Access

	// AllowOrigins are the web origins, besides the server's own, whose pages
	// may use the API: "https://console.example.org". There is no wildcard: the
	// API runs programs.
	AllowOrigins []string

	// AllowHosts are the names, besides localhost and IP addresses, by which
	// clients may call the server on TCP.
	AllowHosts []string

	// Version and Commit are what /version tells. "" means "dev" and "".
	Version, Commit string

	// StallTimeout bounds each write to a peer that does not read. 0 means
	// DefaultStallTimeout.
	StallTimeout time.Duration

	// DrainTimeout is how long, when Serve is to end, answers under way may take
	// to end by themselves before they are broken off: those who read the last
	// output of processes that are gone get it all. 0 breaks them off at once.
	DrainTimeout time.Duration

	// Limits are what clients may take of the server.
	Limits Limits

	// TokenKey signs the tokens in the URLs of logs, which are good for as long
	// as it stays the same. nil means one that is made for this Server.
	TokenKey []byte

	// Reload follows the configuration as it is now, or with planOnly tells what
	// that would come to. Errors that are not a *ConfigurationError are those of
	// manager.Apply. nil means that there is no configuration.
	Reload func(ctx context.Context, planOnly bool) (Reloaded, error)

	// Upgrade has the daemon go on in the program at an absolute path, or at the
	// one that it was started from if that is "". It returns when the other one is
	// ready, or why there is none. nil means that the daemon cannot do that.
	Upgrade func(path string) error

	// PluginsDir is a directory whose folders are served as pages below /_plugin/.
	// "" means none.
	PluginsDir string

	// Webhooks are what /webhooks shows and changes. They are an app of the
	// manager, which starts them. nil means none.
	Webhooks *webhooks.Webhooks

	// Logger gets each request at level debug, each that wants to control or change
	// something at level info, and failures of the server itself above that. nil
	// means slog.Default.
	Logger *slog.Logger

	// AuditLogger also gets those at level info. nil means none.
	AuditLogger *slog.Logger
}

// Server is the HTTP side of a manager. It may serve any number of listeners
// (Serve) or be mounted in a server of the embedding program (Handler). All
// methods may be called at any time by any goroutine.
type Server struct {
	manager      *manager.Manager // set by New, never changed, as is all before router
	gate         gate
	version      string
	commit       string
	stallTimeout time.Duration
	drainTimeout time.Duration
	limits       Limits
	lasting      *lasting
	log          *slog.Logger
	auditLog     *slog.Logger // may be nil
	refused      *guesses     // how often the log tells that peers were not let in
	polls        *polls
	predecessors predecessors
	plugins      plugins
	webhooks     *webhooks.Webhooks // may be nil
	reload       func(ctx context.Context, planOnly bool) (Reloaded, error)
	upgrade      func(path string) error // may be nil

	router     atomic.Pointer[router] // made anew by Handle
	renderings allRenderings

	mu    sync.Mutex // guards everything below
	table []route
	rules []rule
}

// New makes a Server for m. It starts nothing; the manager remains the
// caller's to shut down.
func New(m *manager.Manager, o Options) *Server {
	s := &Server{
		manager:      m,
		gate:         newGate(o.AllowOrigins, o.AllowHosts, newGuard(o.Access, newLogTokens(o.TokenKey), o.Limits.withDefaults().TokenGuesses)),
		version:      cmp.Or(o.Version, "dev"),
		commit:       o.Commit,
		drainTimeout: o.DrainTimeout,
		stallTimeout: cmp.Or(o.StallTimeout, DefaultStallTimeout),
		limits:       o.Limits.withDefaults(),
		log:          o.Logger,
		auditLog:     o.AuditLogger,
		refused:      newGuesses(refusalsAMinute),
		reload:       o.Reload,
		upgrade:      o.Upgrade,
		polls:        newPolls(),
		plugins:      plugins{o.PluginsDir},
		webhooks:     o.Webhooks,
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.lasting = newLasting(s.limits.PeerStreams)
	s.table, s.rules = s.routes(), rules
	s.router.Store(s.newRouter(s.table, s.rules))
	return s
}

// Handle adds a handler of the embedding program. path is a pattern of
// gorilla/mux; the handler finds its variables, percent-decoded, in mux.Vars.
// Requests for it pass the same gate as all others, with a token that has
// doc.Scope and is for all processes, and doc puts it into the OpenAPI document.
// The handler reads the request's body by itself, without a limit or time-out of the
// server's, and writes without one. Its pages are shown in no frame of another page.
//
// As http.ServeMux does, Handle panics if the pattern is wrong or is taken.
func (s *Server) Handle(method, path string, h http.Handler, doc RouteDoc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	added := route{method: method, path: path, body: bodyStreamed, doc: doc, handle: func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Security-Policy", addedPolicy)
		if a, ok := w.(*answer); ok {
			a.stall = 0
		}
		h.ServeHTTP(w, r)
		return nil
	}}
	table := append(s.table[:len(s.table):len(s.table)], added)
	rules := append(s.rules[:len(s.rules):len(s.rules)], addedRule(method, path, doc))
	s.router.Store(s.newRouter(table, rules))
	s.table, s.rules = table, rules
}

// addedPolicy is for pages that are not ours: what else they do is their own affair.
const addedPolicy = "frame-ancestors 'none'"

// Guard lets those requests through to h that may do everything here: they come in
// without a token, or with one that has scope admin and is for all processes.
// It is for what is served beside the API. The http.Server needs Server.ConnContext,
// as for Handler.
func (s *Server) Guard(h http.Handler) http.Handler {
	everything := rule{scope: tokens.Admin, about: aboutEverything}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visitor, err := s.gate.check(w, r)
		if err == nil {
			var leave func()
			r, leave = withVisitor(r, visitor)
			defer leave()
			err = s.allow(r, &everything)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Security-Policy", addedPolicy)
		h.ServeHTTP(w, r)
	})
}

// Handler serves the API, for programs that have an http.Server of their own.
// Such a server should have a ReadHeaderTimeout and must not have a
// WriteTimeout or ReadTimeout, which would cut streams off. It needs
// Server.ConnContext; without that nobody comes in on unix sockets without a token,
// and on loopback nobody who is gone when his request is looked at.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveHTTP) }
