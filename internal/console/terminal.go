package console

import (
	"io"
	"os"

	"github.com/mattn/go-isatty"
)

// IsTerminal reports whether somebody looks at what is written to w.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// Redraws reports whether w is a terminal on which a line can be replaced.
func Redraws(w io.Writer) bool { return IsTerminal(w) && os.Getenv("TERM") != "dumb" }

// Colored reports whether w is a terminal whose user has nothing against
// colours (no-color.org).
func Colored(w io.Writer) bool { return Redraws(w) && os.Getenv("NO_COLOR") == "" }
