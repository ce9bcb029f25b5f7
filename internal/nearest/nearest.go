// Package nearest finds the name that somebody probably meant.
package nearest

import (
	"fmt"
	"strings"
)

// Name is the candidate that takes the fewest edits to become s, the first of
// them if there are several, and empty if there are none. Only the beginning of
// an overlong s counts: it is input.
func Name(s string, candidates []string) string {
	s = s[:min(len(s), 64)]
	best, fewest := "", -1
	for _, c := range candidates {
		if d := distance(s, c); fewest < 0 || d < fewest {
			best, fewest = c, d
		}
	}
	return best
}

// Hint is what to say to somebody who has named s, and there are only these
// candidates: the one that was probably meant, or else which there are. It goes
// behind the sentence that says so.
func Hint(s string, candidates []string) string {
	const few = 8
	near := Name(s, candidates)
	switch {
	case near != "" && distance(s[:min(len(s), 64)], near) <= (len(s)+1)/2:
		return fmt.Sprintf(": did you mean %s?", near)
	case len(candidates) > 0 && len(candidates) <= few:
		return ": there is " + strings.Join(candidates, ", ")
	}
	return ""
}

// distance is how many bytes have to be inserted, deleted or replaced to make
// b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
