// Package nearest finds the name that somebody probably meant.
package nearest

import (
	"fmt"
	"strings"
)

// Name is the candidate that takes the fewest edits to become s, the first of
// them if there are several, and empty if there are none. Where one begins with
// the other, what follows counts as two edits at most. Only the beginning of an
// overlong s counts: it is input.
func Name(s string, candidates []string) string {
	s = s[:min(len(s), 64)]
	best, fewest := "", -1
	for _, c := range candidates {
		d := distance(s, c)
		if isBegun(s, c) {
			d = min(d, 2)
		}
		if fewest < 0 || d < fewest {
			best, fewest = c, d
		}
	}
	return best
}

// Meant is Name, but empty if nobody can have meant that with s.
func Meant(s string, candidates []string) string {
	near := Name(s, candidates)
	if isBegun(s, near) || near != "" && distance(s[:min(len(s), 64)], near) <= len(s)/3+1 {
		return near
	}
	return ""
}

// Note says which is the nearest, if that can have been meant, and else which
// there are. It goes behind the sentence that s is none of the candidates.
func Note(s string, candidates []string) string {
	if near := Meant(s, candidates); near != "" {
		return fmt.Sprintf(", the nearest is %q", near)
	}
	return ": there is " + strings.Join(candidates, ", ")
}

// Hint is what to say to somebody who has named s, and there are only these
// candidates: the one that was probably meant, or else which there are. It goes
// behind the sentence that says so.
func Hint(s string, candidates []string) string {
	const few = 8
	near := Meant(s, candidates)
	switch {
	case near != "":
		return fmt.Sprintf(": did you mean %s?", near)
	case len(candidates) > 0 && len(candidates) <= few:
		return ": there is " + strings.Join(candidates, ", ")
	}
	return ""
}

// isBegun says whether one of two begins with the other, by more than a letter.
func isBegun(a, b string) bool {
	return min(len(a), len(b)) > 1 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a))
}

// distance is how many bytes have to be inserted, deleted or replaced, or
// neighbours swapped, to make b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
