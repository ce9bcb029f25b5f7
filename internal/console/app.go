package console

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/gafferd/gaffer/manager"
)

// lastLines is how long the last lines may take to be printed, once there will
// be no more.
const lastLines = 3 * time.Second

// App is a Console as an app of a manager.
type App struct {
	out     io.Writer // set by NewApp, never changed, like the next two
	options Options
	log     *slog.Logger

	cancel context.CancelFunc // of printing, set by Start
	done   chan struct{}      // closed when it has ended
}

// NewApp is a Console that begins when a manager starts it. log gets to know when
// out fails: nothing is printed after that, and the manager goes on.
func NewApp(out io.Writer, o Options, log *slog.Logger) *App {
	return &App{out: out, options: o, log: log, done: make(chan struct{})}
}

// Start implements manager.App.
func (a *App) Start(m *manager.Manager) error {
	console := New(m, a.out, a.options)
	var ctx context.Context
	ctx, a.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(a.done)
		if err := console.Run(ctx); err != nil {
			a.log.Warn("the output of the processes is not printed any more", "error", err)
		}
	}()
	return nil
}

// Stop implements manager.App. It waits for the last lines, but not for ever for
// an output that takes none of them: that one keeps its goroutine.
func (a *App) Stop(ctx context.Context) error {
	defer a.cancel()
	ctx, cancel := context.WithTimeout(ctx, lastLines)
	defer cancel()
	select {
	case <-a.done:
		return nil
	case <-ctx.Done():
		return errors.New("the output of the processes was not printed to its end")
	}
}
