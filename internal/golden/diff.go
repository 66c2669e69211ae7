package golden

import "strings"

// diff shows how got differs from want, line by line: "-" was expected, "+" is
// there. Empty if they are equal.
func diff(want, got []string) string {
	// common[i][j] is the length of the longest common subsequence of want[i:] and got[j:].
	common := make([][]int, len(want)+1)
	for i := range common {
		common[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if want[i] == got[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	if common[0][0] == len(want) && len(want) == len(got) {
		return ""
	}
	var s strings.Builder
	put := func(mark, line string) { s.WriteString("    " + mark + " " + line + "\n") }
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && want[i] == got[j]:
			put(" ", want[i])
			i, j = i+1, j+1
		case j == len(got) || i < len(want) && common[i+1][j] >= common[i][j+1]:
			put("-", want[i])
			i++
		default:
			put("+", got[j])
			j++
		}
	}
	return s.String()
}
