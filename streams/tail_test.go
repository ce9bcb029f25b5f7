package streams

import "testing"

// pieces is an archive in which some is missing.
type pieces []Chunk

func (a pieces) Start() int64                         { return a[0].Offset }
func (a pieces) End() int64                           { last := a[len(a)-1]; return last.Offset + int64(len(last.Data)) }
func (a pieces) Last() Mark                           { return Mark{Offset: a.End(), Number: 1} }
func (a pieces) Search(func(Mark) bool) (int64, bool) { return 0, false }

func (a pieces) Read(at int64) (Chunk, bool, error) {
	for _, c := range a {
		if at < c.Offset+int64(len(c.Data)) {
			skip := max(0, at-c.Offset)
			return Chunk{Offset: c.Offset + skip, Data: c.Data[skip:], Missed: max(0, c.Offset-at), Marks: c.Marks}, true, nil
		}
	}
	return Chunk{}, false, nil
}

// TestTailOverWhatIsMissing holds that lines are counted once, though some between
// them could not be kept.
func TestTailOverWhatIsMissing(t *testing.T) {
	piece := func(offset int64, text string) Chunk {
		return Chunk{Offset: offset, Data: []byte(text), Marks: []Mark{{Offset: offset, UnixNano: 1, Number: 1}}}
	}
	for name, tc := range map[string]struct {
		kept  pieces
		tails []int64 // where the last lines begin: none, one …
	}{
		"behind a line":  {pieces{piece(0, "one\ntwo\n"), piece(100, "three\nfour\n")}, []int64{111, 106, 100, 4, 0, 0}},
		"within a line":  {pieces{piece(0, "one\ntw"), piece(100, "ee\nfour\n")}, []int64{108, 103, 100, 4, 0, 0}},
		"at the end too": {pieces{piece(0, "one\n"), piece(50, "two\n"), piece(100, "three")}, []int64{105, 100, 50, 0, 0}},
	} {
		for n, want := range tc.tails {
			if got := Archived(tc.kept).TailLines(n); got != want {
				t.Errorf("%s: TailLines(%d) = %d, want %d", name, n, got, want)
			}
		}
	}
}
