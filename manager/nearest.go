package manager

// nearest is the candidate that takes the fewest edits to become s, the first
// of them if there are several.
func nearest(s string, candidates []string) string {
	best, fewest := "", -1
	for _, c := range candidates {
		if d := distance(s, c); fewest < 0 || d < fewest {
			best, fewest = c, d
		}
	}
	return best
}

// distance is how many bytes have to be inserted, deleted or replaced to make
// b of a. Only the beginning of an overlong a counts: it is input.
func distance(a, b string) int {
	a = a[:min(len(a), 64)]
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
