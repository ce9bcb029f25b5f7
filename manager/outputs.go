package manager

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gafferd/gaffer/streams"
)

// outputKey tells one stream of one instance from all others.
type outputKey struct {
	pid, fd int
}

// output is one stream of one instance, as application logs show it.
type output struct {
	outputKey
	process  string
	instance string // what its lines begin with: web-1
	log      *streams.Log
	added    uint64 // as which of its app's outputs, from 1; 0: it is on disk alone
}

func newOutput(key outputKey, name string, index int, log *streams.Log) *output {
	return &output{outputKey: key, process: name, instance: fmt.Sprintf("%s-%d", typeOf(name), index), log: log}
}

// typeOf is what an instance is called by in its app: the name without the app.
func typeOf(name string) string {
	if _, after, ok := strings.Cut(name, ":"); ok {
		return after
	}
	return name
}

// series is what outputs of one life after the other have in common.
type series struct {
	process, instance string
	fd                int
}

func (o *output) series() series { return series{o.process, o.instance, o.fd} }

// stream is how o is called in JSON.
func (o *output) stream() string {
	if o.fd == 2 {
		return "stderr"
	}
	return "stdout"
}

// keptOutputs is how many outputs of an app are known that are not kept any more: the
// last of each instance, and else the newest.
const keptOutputs = 1000

// appOutputs are what the logs of one app share. They are there while somebody holds
// them: a process of the app, or a reader who may wait for the next.
type appOutputs struct {
	name string       // set when made
	bell streams.Bell // likewise

	added atomic.Uint64 // how many outputs have been added

	// Guarded by outputs.mu:
	holders   int
	members   int                // processes among them, also those that are on their way out
	there     context.Context    // ends when the last member leaves; nil: there never was one
	leave     context.CancelFunc // ends it
	outputs   []*output          // in the order in which they were added
	forgotten []*output          // those of them that are not kept any more, the oldest first

	gone map[series]int // how many forgotten ones there are of each
}

// after is where the outputs are that came after so many. outputs.mu must be held.
func (a *appOutputs) after(added uint64) int {
	i, _ := slices.BinarySearchFunc(a.outputs, added+1, func(o *output, n uint64) int { return cmp.Compare(o.added, n) })
	return i
}

// outputs are the stdout and stderr of all instances whose logs are kept in
// memory, by app, and those of which a reader is yet to be told that they are
// not. It is safe for concurrent use.
type outputs struct {
	bell *streams.Bell // rung by every log

	mu   sync.Mutex // guards everything below
	apps map[string]*appOutputs
}

// hold finds or makes the app of that name. It is there until release.
func (outs *outputs) hold(name string) *appOutputs {
	outs.mu.Lock()
	defer outs.mu.Unlock()
	a := outs.apps[name]
	if a == nil {
		if outs.apps == nil {
			outs.apps = make(map[string]*appOutputs)
		}
		a = &appOutputs{name: name, bell: streams.Bell{Up: outs.bell}, gone: make(map[series]int)}
		outs.apps[name] = a
	}
	a.holders++
	return a
}

// join is hold for a process of the app, until part.
func (outs *outputs) join(name string) *appOutputs {
	a := outs.hold(name)
	outs.mu.Lock()
	defer outs.mu.Unlock()
	if a.members++; a.members == 1 {
		a.there, a.leave = context.WithCancel(context.Background())
	}
	return a
}

// part ends a join.
func (outs *outputs) part(a *appOutputs) {
	outs.mu.Lock()
	if a.members--; a.members == 0 {
		a.leave()
	}
	outs.mu.Unlock()
	outs.release(a)
}

// afterApp calls f, in a goroutine of its own, when no process of an app is there, as
// context.AfterFunc does.
func (outs *outputs) afterApp(a *appOutputs, f func()) (stop func() bool) {
	outs.mu.Lock()
	there := a.there
	outs.mu.Unlock()
	if there == nil {
		ended, end := context.WithCancel(context.Background())
		end()
		there = ended
	}
	return context.AfterFunc(there, f)
}

// release ends a hold.
func (outs *outputs) release(a *appOutputs) {
	outs.mu.Lock()
	defer outs.mu.Unlock()
	if a.holders--; a.holders == 0 {
		delete(outs.apps, a.name)
	}
}

// add makes known an output that nothing has been written to.
func (outs *outputs) add(a *appOutputs, o *output) {
	outs.mu.Lock()
	o.added = a.added.Load() + 1
	a.outputs = append(a.outputs, o)
	a.added.Store(o.added)
	outs.mu.Unlock()
	a.bell.Ring() // so that readers know of it by the time that something is in it
}

// remove notes that outputs are not kept any more. They stay known for a while, so
// that a reader who has not come to them is told, or finds them on disk.
func (outs *outputs) remove(a *appOutputs, gone []*output) {
	outs.mu.Lock()
	defer outs.mu.Unlock()
	for _, o := range gone {
		a.forgotten = append(a.forgotten, o)
		a.gone[o.series()]++
	}
	for len(a.forgotten) > keptOutputs {
		oldest := 0
		if len(a.forgotten) > len(a.gone) { // else each is the last of its series
			oldest = slices.IndexFunc(a.forgotten, func(o *output) bool { return a.gone[o.series()] > 1 })
		}
		a.cut(oldest)
	}
}

// cut makes a forgotten output unknown. outputs.mu must be held.
func (a *appOutputs) cut(n int) {
	o := a.forgotten[n]
	a.forgotten = slices.Delete(a.forgotten, n, n+1)
	if a.gone[o.series()]--; a.gone[o.series()] == 0 {
		delete(a.gone, o.series())
	}
	i := a.after(o.added - 1)
	a.outputs = slices.Delete(a.outputs, i, i+1)
}

// since returns the outputs of an app that came after so many, as far as they are
// known, and how many have come by now.
func (outs *outputs) since(a *appOutputs, added uint64) (news []*output, now uint64) {
	outs.mu.Lock()
	defer outs.mu.Unlock()
	return slices.Clone(a.outputs[a.after(added):]), a.added.Load()
}
