package httpapi

import (
	"sync"

	"github.com/gafferd/gaffer/manager"
)

// renderings are the events that the last lines of one app's log were made, for
// those who are to be sent the same: in a flood, to write a line as JSON takes longer
// than to send it. What a run of lines becomes, and how much of it is taken, depends
// on nothing but where it begins, so whoever follows the same log comes by the same
// runs.
type renderings struct {
	mu      sync.Mutex // guards everything below, and of a rendering its users
	readers int
	recent  [64]*rendering
	next    int // of them to be replaced
}

// rendering is what one run became.
type rendering struct {
	of    renderedRun
	users int
	once  sync.Once // sets the rest
	text  []byte
	n     int // how much of the run it is
}

// renderedRun tells one run from others: by the cursor in front of it, and its size.
type renderedRun struct {
	before, after string
	at            int64
	size          int
}

// minShared is what a run has at least that is worth sharing.
const minShared = 512

// appendEvents is logEncoder.appendEvents for a run that others may want as well.
func (r *renderings) appendEvents(b []byte, e *logEncoder, all *manager.LogLine) (_ []byte, n int) {
	if len(all.Text) < minShared {
		return e.appendEvents(b, all)
	}
	of := renderedRun{size: len(all.Text)}
	of.before, of.at, of.after = all.Cursor.Split()
	shared := r.use(of)
	if shared == nil {
		return e.appendEvents(b, all)
	}
	defer r.done(shared)
	shared.once.Do(func() { shared.text, shared.n = e.appendEvents(roomy(shared.text), all) })
	return append(b, shared.text...), shared.n
}

// use returns the rendering of a run, which may have to be made; nil if there is
// nobody to share it with.
func (r *renderings) use(of renderedRun) *rendering {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.readers < 2 {
		return nil
	}
	for _, known := range r.recent {
		if known != nil && known.of == of {
			known.users++
			return known
		}
	}
	made := &rendering{of: of, users: 1}
	old := r.recent[r.next]
	if old != nil && old.users == 0 {
		made.text = old.text[:0]
	}
	r.recent[r.next] = made
	r.next = (r.next + 1) % len(r.recent)
	return made
}

func (r *renderings) done(shared *rendering) {
	r.mu.Lock()
	defer r.mu.Unlock()
	shared.users--
}

// allRenderings are those of each app whose log is followed by somebody.
type allRenderings struct {
	mu  sync.Mutex // guards everything below
	app map[string]*renderings
}

// hold returns those of an app, for one more reader. done is called when he is
// gone.
func (all *allRenderings) hold(app string) (r *renderings, done func()) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if r = all.app[app]; r == nil {
		r = new(renderings)
		if all.app == nil {
			all.app = make(map[string]*renderings)
		}
		all.app[app] = r
	}
	r.count(1)
	return r, func() {
		all.mu.Lock()
		defer all.mu.Unlock()
		if r.count(-1) == 0 {
			delete(all.app, app)
		}
	}
}

// count counts a reader who comes or goes.
func (r *renderings) count(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.readers += n
	return r.readers
}
