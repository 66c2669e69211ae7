//go:build mutants

package cluster

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestScan(t *testing.T) {
	if os.Getenv("SCAN") == "" {
		t.Skip()
	}
	n, _ := strconv.Atoi(os.Getenv("N"))
	first, _ := strconv.ParseUint(os.Getenv("FIRST"), 10, 64)
	if first == 0 {
		first = 1
	}
	clean := CleanSeeds{}
	for _, id := range strings.Fields(os.Getenv("SCAN")) {
		h, err := Hunt(id, first, n, HuntOptions{All: os.Getenv("ALL") != "", Clean: clean, BlackBox: os.Getenv("BB") != ""})
		if err != nil {
			t.Fatal(err)
		}
		re, in, dirty := 0, 0, 0
		var f []string
		for _, x := range h.Trials {
			if x.Reached > 0 {
				re++
			}
			if x.Infected > 0 {
				in++
			}
			if x.Dirty {
				dirty++
			}
			if x.Found && len(f) < 5 {
				f = append(f, fmt.Sprint(x.Seed))
			}
		}
		fmt.Printf("%s trials %d dirty %d reached %d infected %d found %d %v first %v other %v\n", id, len(h.Trials), dirty, re, in, len(h.Found()), f,
			h.FirstRules(func(t *Trial) bool { return t.Found }), h.FirstRules(func(t *Trial) bool { return t.Other }))
		for _, x := range h.Trials {
			if os.Getenv("V") != "" && (x.Infected > 0 || x.Other) {
				fmt.Printf("   seed %d %s %s %v reached %d infected %d found %v other %v dirty %v\n", x.Seed, x.Mode, x.Verdict, x.Rules, x.Reached, x.Infected, x.Found, x.Other, x.Dirty)
			}
		}
	}
}
