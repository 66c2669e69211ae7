package simtest

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"trial/sim/cluster"
)

// withoutKey begins the line of a plan file that lists the faults of the function
// which are left out, counted from 1. It stands before the plan.
const withoutKey = "without"

// text is the attempt as a file, with a story in comments above it.
func (a attempt) text(story string) string {
	var b strings.Builder
	for l := range strings.Lines(story) {
		b.WriteString("# " + strings.TrimRight(l, "\n") + "\n")
	}
	if len(a.skip) > 0 {
		b.WriteString(withoutKey)
		for _, n := range slices.Sorted(slices.Values(a.skip)) {
			b.WriteString(" " + strconv.Itoa(n))
		}
		b.WriteString("\n")
	}
	b.WriteString(a.plan.String())
	return b.String()
}

func readPlan(file string) (attempt, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return attempt{}, err
	}
	a, err := parsePlan(string(b))
	if err != nil {
		return a, fmt.Errorf("%s: %w", file, err)
	}
	return a, nil
}

func parsePlan(text string) (a attempt, err error) {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		words := strings.Fields(l)
		if len(words) == 0 || words[0] != withoutKey {
			continue
		}
		for _, w := range words[1:] {
			n, err := strconv.Atoi(w)
			if err != nil || n < 1 {
				return a, fmt.Errorf("line %d: %s: %q is not the number of a fault, counted from 1", i+1, withoutKey, w)
			}
			a.skip = append(a.skip, n)
		}
		lines[i] = "" // the plan keeps its line numbers
		break
	}
	a.plan, err = cluster.ParsePlan(strings.Join(lines, "\n"))
	return a, err
}
