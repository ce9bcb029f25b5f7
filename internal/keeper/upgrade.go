//go:build linux

package keeper

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// upgrade starts a candidate for the worker's place: a program that first has to prove
// that it can read the state. k.previous is what it is made of until it is the worker,
// and then what the one before it was made of.
func (k *keeper) upgrade(path string) {
	fail := func(err error) { k.worker.send(message{kind: stays, data: []byte(err.Error())}) }
	switch {
	case k.candidate != nil || k.previous >= 0:
		fail(errors.New("another upgrade is under way"))
		return
	case k.stopping != nil:
		fail(errors.New("gafferd is stopping"))
		return
	}
	program, err := openOwn(path, unix.O_PATH)
	if err != nil {
		fail(&os.PathError{Op: "open", Path: path, Err: err})
		return
	}
	w, err := k.fork(program)
	if err != nil {
		unix.Close(program)
		fail(&os.PathError{Op: "execute", Path: path, Err: err})
		return
	}
	w.candidate, w.giveUpAt = true, time.Now().Add(candidateTime)
	k.candidate, k.previous = w, program
}

// yields reports whether a candidate waits for the end of the worker.
func (k *keeper) yields() bool { return k.candidate != nil && k.candidate.isReady }

// handOver makes the candidate the worker when the old one has ended.
func (k *keeper) handOver() {
	k.lives.startAt = time.Time{} // of another one, if the old one has died
	w := k.candidate
	k.candidate, k.worker = nil, w
	k.program, k.previous = k.previous, k.program
	w.candidate, w.isReady = false, false
	w.beat(time.Now())
	w.readyBy = time.Now().Add(readyTime)
	k.handAll(w)
	k.catchUp(w)
}

// settle ends an upgrade: the new program does its work.
func (k *keeper) settle() {
	if k.candidate == nil && k.previous >= 0 {
		unix.Close(k.previous)
		k.previous = -1
	}
}

// revert goes back to the program before, if the new one has not proved itself.
func (k *keeper) revert() {
	if k.candidate == nil && k.previous >= 0 {
		k.program, k.previous = k.previous, k.program
		k.settle()
	}
}

// candidateFailed lets the worker go on as it is.
func (k *keeper) candidateFailed(why string) {
	k.candidate = nil
	k.settle()
	if k.worker != nil {
		k.worker.send(message{kind: stays, data: []byte(why)})
		if k.worker.greeted { // else it gets them when it has
			k.passOn(k.worker)
		}
	}
}
