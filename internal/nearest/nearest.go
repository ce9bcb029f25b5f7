// Package nearest finds the name that somebody probably meant.
package nearest

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
