// Package spell compares words, for messages that say what somebody may have meant.
//
// # Invariants
//
//   - a distance is symmetric, and 0 for equal words only
//
// Not here: which words are known, and how near is near enough (the callers).
package spell

// Distance is Levenshtein's distance of two words in bytes: the fewest insertions,
// deletions and replacements, so that a swap of neighbours counts as two.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diag
			if a[i-1] != b[j-1] {
				cost++
			}
			diag = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
