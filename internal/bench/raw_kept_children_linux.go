package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
)

// replaceKept has one greeter launched after the other until standard input ends, and what
// they say goes to the one connection that it waits for.
func replaceKept(w *keptWorker) error {
	conn, err := sayAndAccept()
	if err != nil {
		return err
	}
	defer conn.Close()
	r := &keptReplacements{keptWorker: w, conn: conn}
	if err := r.next(); err != nil {
		return err
	}
	go func() {
		untilStdinEnds()
		r.end()
	}()
	for {
		m, err := w.link.hear()
		if err != nil {
			return err
		}
		switch m.what {
		case sayBegun:
			w.begun(r.life, m.more)
		case sayEnded:
			if err := w.ended(r.life); err != nil {
				return err
			}
			if err := r.next(); err != nil || r.life == nil {
				return err
			}
		}
	}
}

type keptReplacements struct {
	*keptWorker
	conn net.Conn

	mu    sync.Mutex // guards what follows
	count int
	over  bool
	life  *keptLife // of the greeter that runs; nil once it is over
}

// next has the next greeter launched, unless it is over.
func (r *keptReplacements) next() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		r.life = nil
		return nil
	}
	r.count++
	r.life = &keptLife{number: r.count}
	return r.launch(r.life, r.conn)
}

func (r *keptReplacements) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if r.life != nil {
		r.stop(r.life)
	}
}

// idleKept does for a pair what rawChildren does alone.
func idleKept(w *keptWorker) error {
	g := &keptIdle{keptWorker: w, lives: make(map[int]*keptLife)}
	failed := make(chan error, 1)
	go func() { failed <- g.listen() }()
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		count, err := strconv.Atoi(orders.Text())
		if err != nil {
			return fmt.Errorf("told %q: want a number", orders.Text())
		}
		if err := g.obey(count, failed); err != nil {
			return err
		}
		if err := say(true); err != nil {
			return err
		}
	}
	return g.obey(0, failed)
}

// keptIdle are idle children, by their numbers.
type keptIdle struct {
	*keptWorker

	mu      sync.Mutex // guards what follows
	count   int        // so far
	lives   map[int]*keptLife
	pending int           // that are yet to begin, or to end
	settled chan struct{} // is closed when none is
}

// obey starts as many as it is told, or with 0 stops all, and returns when that is done.
func (g *keptIdle) obey(count int, failed <-chan error) error {
	settled := make(chan struct{})
	g.mu.Lock()
	if g.pending = count; count == 0 {
		g.pending = len(g.lives)
	}
	if g.settled = settled; g.pending == 0 {
		close(settled)
	}
	var toStop []*keptLife
	for _, life := range g.lives {
		toStop = append(toStop, life)
	}
	g.mu.Unlock()
	if count == 0 {
		for _, life := range toStop {
			g.stop(life)
		}
	}
	for range count {
		if err := g.start(); err != nil {
			return err
		}
	}
	select {
	case <-settled:
		return nil
	case err := <-failed:
		return err
	}
}

func (g *keptIdle) start() error {
	g.mu.Lock()
	g.count++
	life := &keptLife{number: g.count}
	g.lives[g.count] = life
	g.mu.Unlock()
	return g.launch(life, io.Discard)
}

// listen follows what is told of the children.
func (g *keptIdle) listen() error {
	for {
		m, err := g.link.hear()
		if err != nil {
			return err
		}
		g.mu.Lock()
		life := g.lives[m.number]
		g.mu.Unlock()
		if m.what == sayBegun {
			g.begun(life, m.more)
		} else if err := g.ended(life); err != nil {
			return err
		}
		g.mu.Lock()
		if m.what == sayEnded {
			delete(g.lives, m.number)
		}
		if g.pending--; g.pending == 0 {
			close(g.settled)
		}
		g.mu.Unlock()
	}
}
