package simtest

import (
	"hash/fnv"
	"os"
	"strconv"
	"testing"

	"trial/sim/cluster"
)

// The environment variables that choose what runs.
const (
	envSeed = "SIM_SEED" // one seed
	envRuns = "SIM_RUNS" // how many seeds
	envPlan = "SIM_PLAN" // a plan file
)

// shortSeeds is how many seeds -short leaves.
const shortSeeds = 3

// Seeds are the seeds of a test: n of them, from the test's name, so that they
// stay the same from day to day; or what SIM_SEED and SIM_RUNS say. -short leaves
// three.
func Seeds(t testing.TB, n int) []uint64 {
	t.Helper()
	if s := os.Getenv(envSeed); s != "" {
		seed, err := cluster.ParseSeed(s)
		if err != nil {
			t.Fatalf("%s: %v", envSeed, err)
		}
		return []uint64{seed}
	}
	if s := os.Getenv(envRuns); s != "" {
		runs, err := strconv.Atoi(s)
		if err != nil || runs < 1 {
			t.Fatalf("%s=%q is no number of runs; write 1000, say", envRuns, s)
		}
		n = runs
	} else if testing.Short() {
		n = min(n, shortSeeds)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.Name()))
	base := h.Sum64()
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = mix(base + uint64(i))
	}
	return seeds
}

// mix spreads neighbouring numbers over all 64 bits (splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
