package manager

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// However often somebody begins with the last lines of a log that grows, what he
// gets is a piece of the whole log, with nothing left out or twice where the
// history ends.
func TestHistoryMeetsWhatComes(t *testing.T) {
	m := realManager(t)
	web := childTemplate("web", "count")
	web.NumProcesses, web.RedirectInput = 4, true
	o, err := m.Create(web)
	must(t, err)
	must(t, o.Wait(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const readers, behind = 60, 40
	pieces := make([][]string, readers)
	tails := make([]int, readers)
	for i := range pieces {
		tails[i] = []int{TailNone, 1, 7, 30}[i%4]
		r, err := m.Logs("web", LogQuery{Tail: tails[i], Follow: true})
		must(t, err)
		for range max(tails[i], 0) + behind {
			line, err := r.Next(ctx, 0)
			must(t, err)
			pieces[i] = append(pieces[i], fmt.Sprint(line.PID, " ", string(line.Text)))
		}
		r.Close()
	}
	var whole []string
	r, err := m.Logs("web", LogQuery{})
	must(t, err)
	for line, err := range r.All(ctx) {
		must(t, err)
		whole = append(whole, fmt.Sprint(line.PID, " ", string(line.Text)))
	}
	for i, piece := range pieces {
		at := slices.Index(whole, piece[0])
		if at < 0 || at+len(piece) > len(whole) || !slices.Equal(whole[at:at+len(piece)], piece) {
			t.Errorf("n=%d: %q is no piece of the whole", tails[i], piece)
		}
	}
}
