package cmdline

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
)

// ErrUnread is that whoever read what a program prints has gone.
var ErrUnread = errors.New("nobody reads the output any more")

// WhileRead is ctx for a program that prints to w what comes: it ends, with the
// cause ErrUnread, also when w is a pipe without a name or a socket whose reader has gone,
// which a program that has nothing to print would not notice. release ends what that takes,
// and waits for it.
func WhileRead(ctx context.Context, w io.Writer) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	release = func() { cancel(nil) }
	f, ok := w.(*os.File)
	if !ok {
		return ctx, release
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return ctx, release
	}
	wake, end, err := os.Pipe()
	if err != nil {
		return ctx, release
	}
	var work sync.WaitGroup
	work.Go(func() {
		if untilUnread(f, wake) {
			cancel(ErrUnread)
		}
	})
	return ctx, func() {
		cancel(nil)
		end.Close()
		work.Wait()
		wake.Close()
	}
}
