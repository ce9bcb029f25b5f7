package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// plan is what the command line asks for.
type plan struct {
	axes    string
	pairs   int
	quick   bool
	gafferd string
	against string
}

// run is the program from its arguments to its table.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var p plan
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&p.axes, "axes", "", "measure only axes whose names begin with `WORDS`, as fanout-16k,start (all)")
	flags.IntVar(&p.pairs, "pairs", 9, "how many pairs each axis is measured in")
	flags.BoolVar(&p.quick, "quick", false, "one small pair each: shows that everything works, and no more")
	flags.StringVar(&p.gafferd, "gafferd", "", "measure the gafferd in `FILE` (one that is built from this tree)")
	flags.StringVar(&p.against, "against", "", "compare with the gafferd in `FILE` instead of the bare loops")
	list := flags.Bool("list", false, "list the axes")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "Usage: bench [flags]\n\nMeasures gafferd against the bare loop for the same work, in interleaved pairs.")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q: bench takes flags only", flags.Arg(0))
	}
	chosen, err := choose(p.axes)
	if err != nil {
		return err
	}
	if *list {
		for _, a := range chosen {
			fmt.Fprintf(stdout, "%-28s %s\n", a.name, a.about)
		}
		return nil
	}
	return p.measure(ctx, chosen, stdout, stderr)
}

// measure runs the axes and prints the table, also of what was measured before
// an axis failed.
func (p *plan) measure(ctx context.Context, chosen []axis, stdout, stderr io.Writer) error {
	l, err := newLab(p.quick, stderr)
	if err != nil {
		return err
	}
	defer l.close()
	pairs := p.pairs
	if p.quick {
		pairs = 1
	}
	sides := [2]side{{name: "raw", gafferd: p.against}, {name: "gafferd", gafferd: p.gafferd}}
	if p.against != "" {
		sides[0].name = filepath.Base(p.against)
		for i := range chosen {
			chosen[i] = chosen[i].betweenBuilds()
		}
	}
	if p.gafferd == "" {
		if sides[1].gafferd, err = l.build(ctx); err != nil {
			return err
		}
	}
	l.gafferd = sides[1].gafferd
	var results []result
	for _, a := range chosen {
		var r result
		if r, err = measurePairs(ctx, l, a, sides, pairs); err != nil {
			err = fmt.Errorf("%s: %w", a.name, err)
			break
		}
		results = append(results, r)
	}
	if len(results) > 0 {
		printTable(stdout, sides, results)
		printGrowth(stdout, sides, results)
	}
	return err
}

// choose picks the axes whose names begin with the given words: "fanout-16k" is
// that of any number of subscribers.
func choose(words string) ([]axis, error) {
	all := axes()
	if words == "" {
		return all, nil
	}
	var chosen []axis
	for word := range strings.SplitSeq(words, ",") {
		found := false
		for _, a := range all {
			if !strings.HasPrefix(a.name+"-", strings.TrimSpace(word)+"-") {
				continue
			}
			found = true
			if !slices.ContainsFunc(chosen, func(other axis) bool { return other.name == a.name }) {
				chosen = append(chosen, a)
			}
		}
		if !found {
			return nil, fmt.Errorf("no axis begins with %q: -list shows them", word)
		}
	}
	return chosen, nil
}

// roles are what this binary can be besides the bench itself, each in a process
// of its own: the children, the bare loops, and who reads from either side.
var roles = map[string]func(args []string) error{
	"child flood":     childFlood,
	"child lines":     childLines,
	"child ticks":     childTicks,
	"raw fanout":      rawFanout,
	"raw children":    rawChildren,
	"raw replace":     rawReplace,
	"raw kept":        rawKept,
	"raw kept-worker": rawKeptWorker,
	"raw kept-echo":   rawEchoKept,
	"raw subscribers": rawSubscribers,
	"raw echo":        rawEcho,
	"raw status":      rawStatus,
	"subscribe":       subscribe,
	"listen":          listen,
	"echo":            echo,
}

// runRole runs the role that args begin with, if they do.
func runRole(args []string) (ran bool, err error) {
	for words := 1; words <= min(2, len(args)); words++ {
		name := strings.Join(args[:words], " ")
		if role := roles[name]; role != nil {
			if err := role(args[words:]); err != nil {
				return true, fmt.Errorf("%s: %w", name, err)
			}
			return true, nil
		}
	}
	return false, nil
}

// self is this binary, for the roles.
func self() (string, error) { return os.Executable() }
