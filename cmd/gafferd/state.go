package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/gafferd/gaffer/internal/config"
	"github.com/gafferd/gaffer/manager"
)

// predecessorTime is how long a daemon waits for the one before it, which is
// stopping, to let go of the state directory.
const predecessorTime = 30 * time.Second

// openState opens the state directory. A signal to stop ends the waiting for a
// predecessor, which waiting is told of. The signal is left to be taken again, in case
// the directory was open by then: what runs has yet to be stopped.
func openState(ctx context.Context, dir string, o manager.StateOptions, signals chan os.Signal, waiting func(), log *slog.Logger) (*manager.State, error) {
	var state *manager.State
	opening := begin(func(stop context.Context) (err error) {
		stop, cancel := context.WithTimeout(stop, predecessorTime)
		defer cancel()
		state, err = manager.OpenState(stop, dir, o, func(pid int) {
			log.Info("waiting for another gafferd to let go of the state directory", "dir", dir, "os_pid", pid, "at_most", predecessorTime)
			waiting()
		})
		return err
	})
	select {
	case <-opening.done:
	case sig := <-signals:
		opening.stop()
		select {
		case signals <- sig:
		default: // as many have come since as there is room for
		}
	case <-ctx.Done():
		opening.stop()
	}
	if errors.Is(opening.err, manager.ErrLocked) {
		return nil, fmt.Errorf("%w: stop it, or choose another directory with --state-dir", opening.err)
	}
	return state, opening.err
}

// survivorTime is how long what an earlier daemon has left behind may take to end.
const survivorTime = 20 * time.Second

// endSurvivors stops what a daemon has left running that was killed together with
// its keeper: nothing may run twice.
func endSurvivors(ctx context.Context, state *manager.State, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, survivorTime)
	defer cancel()
	found, err := state.EndSurvivors(ctx)
	if found > 0 {
		log.Warn("processes that an earlier gafferd had left running were stopped", "processes", found)
	}
	return err
}

// stateOptions are what the configuration says of the state directory.
func stateOptions(s config.Settings, w *worker) (o manager.StateOptions) {
	o.Logs.Size, o.Logs.Age = s.LogSize, s.LogAge
	o.Lock, o.OSPid = w.take(keptLock), w.pid()
	return o
}

const keySize = 32

// tokenKey is what signs tokens: the state directory's key, so that a token
// outlives the daemon, or one that outlives this worker.
func tokenKey(state *manager.State, w *worker) ([]byte, error) {
	if state != nil {
		return state.Key()
	}
	if key, err := w.takeText(keptKey); key != nil || err != nil {
		return key, err
	}
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	return key, w.holdText(keptKey, key)
}
