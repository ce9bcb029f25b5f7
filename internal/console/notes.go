package console

import (
	"sync"
	"time"
)

// notes are what the caller wants printed besides the output. They wait here
// while out takes nothing, so that nobody else has to.
type notes struct {
	news chan struct{} // there is something to print, perhaps

	mu      sync.Mutex // guards everything below
	said    []note
	status  string
	changed bool // of status
}

// note is a line of the caller's own.
type note struct {
	name, text string
	time       time.Time
}

// maxNotes bounds what waits; nobody could read more than that.
const maxNotes = 100

// maxStatus is how much of a status there is room for in a line of a terminal:
// one that goes over its end could not be taken away again.
const maxStatus = 78

// Say prints a line of the caller's own, under a name that is no process's. It
// does not wait for that.
func (c *Console) Say(name, text string) {
	n := &c.notes
	n.mu.Lock()
	if len(n.said) < maxNotes {
		n.said = append(n.said, note{name, text, time.Now()})
	}
	n.mu.Unlock()
	n.wake()
}

// Status shows one line below the output until it is replaced; an empty one
// takes it away. It is for terminals alone, and does not wait either.
func (c *Console) Status(text string) {
	if runes := []rune(text); len(runes) > maxStatus {
		text = string(runes[:maxStatus-1]) + "…"
	}
	n := &c.notes
	n.mu.Lock()
	n.changed = n.changed || n.status != text
	n.status = text
	n.mu.Unlock()
	n.wake()
}

func (n *notes) wake() {
	select {
	case n.news <- struct{}{}:
	default: // whoever looks will see this too
	}
}

// tellNotes prints notes as they come, in a goroutine that ends with stop.
func (c *Console) tellNotes() (stop func()) {
	over := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		for {
			select {
			case <-c.notes.news:
				c.tell()
			case <-over:
				return
			}
		}
	})
	return func() {
		close(over)
		work.Wait()
	}
}

// tell prints what there is. An error is met again by whoever prints next.
func (c *Console) tell() {
	n := &c.notes
	n.mu.Lock()
	said, status, changed := n.said, n.status, n.changed
	n.said, n.changed = nil, false
	n.mu.Unlock()
	for _, note := range said {
		c.out.print(c.out.labelNamed(note.name, note.name), note.time, []byte(note.text))
	}
	if len(said) > 0 {
		c.out.flush()
	}
	if changed {
		c.out.setStatus(status)
	}
}
