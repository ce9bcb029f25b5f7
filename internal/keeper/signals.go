//go:build linux

package keeper

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// signals are those that the keeper gets. Each kind has a channel of its own, so that
// many of one never keep another out.
type signals struct {
	stop    <-chan os.Signal // SIGTERM, SIGINT and SIGQUIT
	hangUp  <-chan os.Signal // SIGHUP: those that come together are one
	reopen  <-chan os.Signal // SIGUSR1: likewise
	upgrade <-chan os.Signal // SIGUSR2: likewise
}

// catchSignals takes the signals, for as long as the program lives.
func catchSignals() signals {
	caught := func(room int, kinds ...os.Signal) <-chan os.Signal {
		c := make(chan os.Signal, room)
		signal.Notify(c, kinds...)
		return c
	}
	caught(1, syscall.SIGPIPE) // whoever read our stderr is gone, which is no reason to end
	return signals{
		stop:    caught(8, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT),
		hangUp:  caught(1, syscall.SIGHUP),
		reopen:  caught(1, syscall.SIGUSR1),
		upgrade: caught(1, syscall.SIGUSR2),
	}
}

// withoutSIGCHLD keeps the signal from coming: all that the runtime's handler would do
// is to wake up a thread for each child that ends, and their pidfds tell of these.
// SIG_DFL leaves the zombies, unlike SIG_IGN and signal.Ignore.
func withoutSIGCHLD() {
	var byDefault [8]uint64 // room for the kernel's struct sigaction anywhere
	const setBytes = 8      // an error, where sets of signals are larger, leaves the handler
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(&byDefault)), 0, setBytes, 0, 0)
}

// signal passes signals on to the worker. None is lost when there is no worker, or
// one that may be about to go: the next one gets it. A worker may be dying already
// without anybody knowing, so what it is told of is noted until it is heard again.
func (k *keeper) signal(s os.Signal) {
	switch s {
	case syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT:
		k.stopping = s
		if k.worker == nil {
			k.lives.startNow()
			return
		}
	default:
		if k.worker == nil || !k.worker.greeted || k.candidate != nil {
			k.miss(s)
			return
		}
		k.worker.told[s] = time.Now()
	}
	if k.worker != nil && k.worker.greeted {
		k.worker.signal(s)
	}
}

func (k *keeper) miss(s os.Signal) {
	if !slices.Contains(k.missed, s) {
		k.missed = append(k.missed, s)
	}
}

// unheeded leaves to the next worker what one that has died may not have acted on. What
// that one was told in this way is not told a third time: it may be what workers die
// of.
func (k *keeper) unheeded(w *worker) {
	for s := range w.told {
		if s != syscall.SIGUSR2 || k.candidate == nil { // else the upgrade is under way
			k.miss(s)
		}
	}
}

// catchUp passes on what came while nobody could act on it.
func (k *keeper) catchUp(w *worker) {
	k.passOn(w)
	if k.stopping != nil {
		w.signal(k.stopping)
	}
}

// passOn passes on the signals that no worker could act on, but those to stop.
func (k *keeper) passOn(w *worker) {
	for _, s := range k.missed {
		w.signal(s)
	}
	k.missed = nil
}
