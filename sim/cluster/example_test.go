package cluster_test

import (
	"fmt"

	"trial/clock"
	"trial/sim/cluster"
)

// Three brokers, faults within the budget, every producer asking for acks=all:
// nothing acknowledged may be lost.
func Example() {
	o := cluster.Options{Acks: "all", For: 10 * clock.Second}
	for seed := uint64(1); seed <= 2; seed++ {
		plan, err := cluster.Draw(seed, o)
		if err != nil {
			fmt.Println(err)
			return
		}
		r := cluster.Run(plan, cluster.RunOptions{})
		fmt.Println(r.Verdict, r.Lost)
		if r.Failed() {
			fmt.Println(r.Sentence(), cluster.ReplayLine("replay", seed, o))
		}
	}
	// Output:
	// pass 0
	// pass 0
}
