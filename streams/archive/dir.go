package archive

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gafferd/gaffer/streams"
)

// Defaults of Limits.
const (
	DefaultSize = 100 << 20
	DefaultAge  = 7 * 24 * time.Hour
)

// Limits say how much is kept of the instances of one process. The zero value
// means the defaults.
type Limits struct {
	Size    int64         // bytes of log in all; 0: DefaultSize
	Age     time.Duration // of the last line of a file; 0: DefaultAge
	Segment int64         // bytes of one file; 0: a tenth of Size
}

func (l Limits) withDefaults() Limits {
	l.Size = cmp.Or(l.Size, DefaultSize)
	l.Age = cmp.Or(l.Age, DefaultAge)
	l.Segment = cmp.Or(l.Segment, max(l.Size/10, 1))
	return l
}

// Options configure a Dir.
type Options struct {
	Limits Limits

	// Sequence numbers what the logs of all instances are written with. Open
	// moves it behind all that is on disk.
	Sequence *streams.Sequence

	// Bell is rung by the logs of all instances.
	Bell *streams.Bell

	// GoOn says that logs of an earlier program go on. Which ones those are is known
	// when each was given to Follow, which Settled tells the Dir: nothing is forgotten
	// before.
	GoOn bool

	// LeftOut is called by Open for each file that cannot be read, and so is not
	// shown. May be nil.
	LeftOut func(error)

	// Failed is called when writing fails (a full disk, most often), and with
	// nil when it works again. Once each, from the Dir's goroutine. May be nil.
	Failed func(error)
}

// Dir is a directory of archives, <app>/<process>/<pid>.log. One daemon at a
// time may have it open.
//
// A Dir is safe for concurrent use. Its one goroutine ends with Close.
type Dir struct {
	root    *os.Root // set by Open, never changed, like the fields up to the blank line
	limits  Limits
	options Options
	stop    context.CancelFunc
	work    sync.WaitGroup

	bytesRead atomic.Int64 // of logs, for tests
	spare     batch        // the goroutine's, for its writers
	open      int          // likewise: writers that have their files open

	mu       sync.Mutex         // guards everything below; taken before any File's
	files    map[string][]*File // by process, in the order of their pids
	live     map[*File]struct{} // those that are being written
	unwanted map[*File]struct{} // those to be removed when they are not
	ended    map[string]int64   // by process, what those cost that have ended since retain
	held     bool               // nothing is forgotten
	last     int                // the largest pid there ever was
}

// Open opens the directory, which is made if it is not there, mends what a
// daemon that was killed has left half-written, and forgets what is over the
// limits. Where nothing can be written that is left for later, and what there is is
// read as if it had been done.
func Open(dir string, o Options) (*Dir, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("log directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("log directory: %w", err)
	}
	d := &Dir{
		root: root, limits: o.Limits.withDefaults(), options: o,
		files: make(map[string][]*File), live: make(map[*File]struct{}), unwanted: make(map[*File]struct{}),
		ended: make(map[string]int64), held: o.GoOn,
	}
	if err := d.load(); err != nil {
		root.Close()
		return nil, fmt.Errorf("log directory: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.work.Go(func() { d.run(ctx) })
	return d, nil
}

// Settled says that all logs that go on are followed.
func (d *Dir) Settled() {
	d.mu.Lock()
	d.held = false
	d.mu.Unlock()
	d.retainAll(time.Now())
}

// Close writes what the logs hold and closes all files. No log may be written to
// any more.
func (d *Dir) Close() error {
	d.stop()
	d.work.Wait()
	return d.root.Close()
}

// LastPID is the largest pid of all files there ever were.
func (d *Dir) LastPID() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// Create makes the archive of a new instance. meta comes back from File.Meta, in
// the daemon's next life too; it is at most 64 KiB. Nothing is on disk before
// there is something to write. If what an earlier program has left of it cannot be
// read, it goes on in that File.
func (d *Dir) Create(app, process string, pid int, meta []byte) *File {
	f := &File{
		dir: d, app: app, owner: process, pid: pid, meta: meta,
		path: path.Join(app, process, strconv.Itoa(pid)),
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = max(d.last, pid)
	if i, found := slices.BinarySearchFunc(d.files[process], pid, byPID); found {
		f = d.files[process][i]
		f.mu.Lock()
		f.meta = meta
		f.mu.Unlock()
	}
	return f
}

// Follow writes what the two logs hold and will hold, until both are closed.
// Either may be nil. It may be called once for a File, which may be one that an
// earlier program has left and whose logs go on.
func (d *Dir) Follow(f *File, stdout, stderr *streams.Log) {
	w := &writer{f: f, logs: [2]*streams.Log{stdout, stderr}, offset: f.end, number: f.number}
	for i, l := range w.logs {
		if l != nil {
			w.taps[i] = l.Tap(f.end[i])
		}
	}
	d.mu.Lock()
	f.writer = w
	d.live[f] = struct{}{}
	files := d.files[f.owner]
	if i, found := slices.BinarySearchFunc(files, f.pid, byPID); !found {
		d.files[f.owner] = slices.Insert(files, i, f)
	}
	d.mu.Unlock()
	d.options.Bell.Ring()
}

func byPID(f *File, pid int) int { return cmp.Compare(f.pid, pid) }

// Files are the archives of a process, the oldest first.
func (d *Dir) Files(process string) []*File {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]*File(nil), d.files[process]...)
}

// Processes are the names of all that there are archives of, by app.
func (d *Dir) Processes() map[string][]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	apps := make(map[string][]string)
	for name, files := range d.files {
		if len(files) > 0 {
			app := files[0].app
			apps[app] = append(apps[app], name)
		}
	}
	return apps
}
