package webhooks

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/gafferd/gaffer/internal/wholefile"
)

const (
	// slack is how large a journal may become, whatever it is worth.
	slack = 64 << 10

	// mendPause lets a disk that fails have some rest.
	mendPause = 10 * time.Second
)

// record is a line of a journal.
type record struct {
	Add    *entry  `json:"add,omitempty"`
	Done   string  `json:"done,omitempty"`   // the id of one that was added before
	Missed *missed `json:"missed,omitempty"` // in place of what an earlier line says
	Seen   uint64  `json:"seen,omitempty"`   // the number of the last event that was taken over
}

type missed struct {
	Events  uint64 `json:"events"`
	LastSeq uint64 `json:"last_seq"`
}

// journal keeps an outbox on disk: what comes and goes is appended, and the file
// is written anew when most of it is of no use any more. A nil journal keeps
// nothing. The lines are written before anything is sent, and outlive the
// daemon; they are not forced to the disk one by one, so that a machine that
// loses its power may lose the last of them.
type journal struct {
	root *os.Root
	name string
	log  *slog.Logger
	file *os.File
	buf  bytes.Buffer // not written yet
	size int64        // of the file
	torn time.Time    // when writing has failed; zero while it works
	seen uint64       // the last event that was taken over
}

// openJournal reads a journal and makes it ready for more. since is the number of
// the last event that is in it, or was; last if it has none. A disk that cannot be
// read or written does not keep a webhook from delivering.
func openJournal(root *os.Root, name string, last uint64, log *slog.Logger) (j *journal, o *outbox, since uint64) {
	o = newOutbox()
	if root == nil {
		return nil, o, last
	}
	j = &journal{root: root, name: name, log: log}
	data, err := root.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		setAside(root, name, err, log)
	}
	j.seen = cmp.Or(replay(data, o, time.Now()), last)
	if err := j.rewrite(o); err != nil {
		j.fail(err)
	}
	return j, o, j.seen
}

// replay brings an outbox to where a journal ends, and returns the last event
// that was taken over. A line that a crash has torn is left out.
func replay(data []byte, o *outbox, now time.Time) (seen uint64) {
	live := map[string]*entry{}
	var order []*entry
	var gone missed
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 2*maxBytes)
	for lines.Scan() {
		var r record
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue
		}
		switch {
		case r.Add != nil && live[r.Add.ID] == nil:
			live[r.Add.ID] = r.Add
			order = append(order, r.Add)
			seen = r.Add.Seq
		case r.Done != "":
			delete(live, r.Done)
		case r.Missed != nil:
			gone = *r.Missed
		case r.Seen != 0:
			seen = r.Seen
		}
	}
	for _, e := range order {
		if live[e.ID] == e {
			e.since = now
			o.add(e)
		}
	}
	o.miss(gone.Events, gone.LastSeq, now)
	return seen
}

func (j *journal) add(e *entry) {
	j.append(record{Add: e})
	if j != nil {
		j.seen = e.Seq
	}
}

func (j *journal) done(e *entry) { j.append(record{Done: e.ID}) }

func (j *journal) missed(o *outbox) { j.append(record{Missed: &missed{o.missed, o.lastSeq}}) }

func (j *journal) append(r record) {
	if j == nil {
		return
	}
	if err := json.NewEncoder(&j.buf).Encode(r); err != nil {
		panic(err) // strings, bytes and numbers always marshal
	}
}

// flush writes what was appended since the last time. That it cannot is logged
// once; it is tried again with later ones.
func (j *journal) flush(o *outbox) {
	if j == nil || j.buf.Len() == 0 {
		return
	}
	var err error
	wanted := int64(o.bytes) * 4
	switch {
	case !j.torn.IsZero() && time.Since(j.torn) < mendPause:
		j.buf.Reset()
		return
	case !j.torn.IsZero(), j.size > slack && j.size > wanted:
		err = j.rewrite(o)
	case o.pending() == 0 && o.missed == 0:
		j.buf.Reset()
		j.append(record{Seen: j.seen})
		if err = j.file.Truncate(0); err == nil {
			var n int
			n, err = j.file.Write(j.buf.Bytes())
			j.size = int64(n)
		}
	default:
		var n int
		n, err = j.file.Write(j.buf.Bytes())
		j.size += int64(n)
	}
	j.buf.Reset()
	switch {
	case err != nil:
		j.fail(err)
		return
	case !j.torn.IsZero():
		j.log.Info("events that are not delivered yet are kept on disk again", "file", j.name)
	}
	j.torn = time.Time{}
}

// fail notes that writing has failed, and logs it if it had worked before.
func (j *journal) fail(err error) {
	if j.torn.IsZero() {
		j.log.Warn("events that are not delivered yet are not kept on disk", "file", j.name, "error", err)
	}
	j.torn = time.Now()
}

// rewrite makes the file hold what the outbox does, and nothing else.
func (j *journal) rewrite(o *outbox) error {
	j.buf.Reset()
	seen := j.seen
	for at := o.order.Front(); at != nil; at = at.Next() {
		j.add(at.Value.(*entry))
	}
	if o.missed > 0 {
		j.missed(o)
	}
	j.seen = seen
	if seen != 0 {
		j.append(record{Seen: seen})
	}
	if err := wholefile.Replace(j.root, j.name, j.buf.Bytes()); err != nil {
		return err
	}
	file, err := j.root.OpenFile(j.name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	j.close()
	j.file, j.size = file, int64(j.buf.Len())
	j.buf.Reset()
	return nil
}

func (j *journal) close() {
	if j != nil && j.file != nil {
		j.file.Close()
	}
}

// remove deletes the file of a hook that is gone.
func (j *journal) remove() error {
	if j == nil {
		return nil
	}
	return j.root.Remove(j.name)
}
