package cluster

import (
	"os"
	"runtime/debug"
	"strconv"
	"testing"
)

// seeds are those that a test runs: few with -short, SIM_RUNS of them if that is
// set, SIM_SEED alone if that is set.
func seeds(t *testing.T, usual int) []uint64 {
	t.Helper()
	if s := os.Getenv("SIM_SEED"); s != "" {
		seed, err := ParseSeed(s)
		if err != nil {
			t.Fatal(err)
		}
		return []uint64{seed}
	}
	n, first := usual, uint64(1)
	if testing.Short() {
		n = min(n, 3)
	}
	if s := os.Getenv("SIM_RUNS"); s != "" {
		runs, err := strconv.Atoi(s)
		if err != nil || runs < 1 {
			t.Fatalf("SIM_RUNS=%q is not a number of runs", s)
		}
		n, first = runs, 1_000_000
	}
	out := make([]uint64, n)
	for i := range out {
		out[i] = first + uint64(i)
	}
	return out
}

// No rule may speak on the correct engine, in either mode, and every seed runs
// twice with one hash.
func TestCorrectEnginePasses(t *testing.T) {
	evaluated := map[string]int64{}
	var names []string
	for _, mode := range []Mode{Budget, Unbounded} {
		t.Run(string(mode), func(t *testing.T) {
			for _, seed := range seeds(t, 20) {
				o := Options{Mode: mode}
				p, err := Draw(seed, o)
				if err != nil {
					t.Fatal(err)
				}
				r := Verify(p, RunOptions{})
				if r.Failed() {
					t.Errorf("seed %s: %s\nreplay: %s\nor:     SIM_SEED=%s go test ./sim/cluster -run TestCorrectEnginePasses/%s",
						SeedString(seed), r.Sentence(), ReplayLine("replay", seed, o), SeedString(seed), mode)
				}
				for _, e := range r.Evaluations {
					if _, known := evaluated[e.Rule]; !known {
						names = append(names, e.Rule)
					}
					evaluated[e.Rule] += e.Evaluated
				}
			}
		})
	}
	if testing.Short() || os.Getenv("SIM_SEED") != "" {
		return
	}
	for _, rule := range names { // silence is not innocence
		if evaluated[rule] == 0 {
			t.Errorf("rule %s was never evaluated", rule)
		}
	}
}

// A run without faults loses, duplicates and reorders nothing.
func TestCalmRunsAreExact(t *testing.T) {
	for _, seed := range seeds(t, 10) {
		p, err := Draw(seed, Options{Scenario: "calm", For: 10_000_000_000, Acks: "all"})
		if err != nil {
			t.Fatal(err)
		}
		r := Run(p, RunOptions{})
		if r.Failed() || r.Lost != 0 || r.Duplicated != 0 || r.Faults != 0 {
			t.Errorf("seed %s: %s; %d lost, %d duplicated, %d faults", SeedString(seed), r.Sentence(), r.Lost, r.Duplicated, r.Faults)
		}
		if r.Acked < 100 {
			t.Errorf("seed %s: only %d records acknowledged", SeedString(seed), r.Acked)
		}
	}
}

// Runs must be worth something: the median seed acknowledges records, changes
// leaders and in-sync replicas.
func TestMedianRunIsWorthSomething(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a sample of seeds")
	}
	const n = 15
	var acked, elections, isr int
	for seed := uint64(100); seed < 100+n; seed++ {
		p, err := Draw(seed, Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := Run(p, RunOptions{})
		if r.Acked >= 200 {
			acked++
		}
		if r.Elections >= 1 {
			elections++
		}
		if r.ISRChanges >= 1 {
			isr++
		}
	}
	if acked <= n/2 || elections <= n/2 || isr <= n/2 {
		t.Errorf("of %d runs %d acknowledged 200 records, %d changed a leader, %d changed an ISR; want more than half of each", n, acked, elections, isr)
	}
}

// Tracing changes nothing, and a plan's text is the plan.
func TestHashDependsOnThePlanAlone(t *testing.T) {
	p, err := Draw(7, Options{For: 8_000_000_000})
	if err != nil {
		t.Fatal(err)
	}
	plain := Run(p, RunOptions{})
	var lines counter
	traced := Run(p, RunOptions{Trace: &lines})
	again, err := ParsePlan(p.String())
	if err != nil {
		t.Fatal(err)
	}
	parsed := Run(again, RunOptions{})
	if plain.Hash != traced.Hash || plain.Hash != parsed.Hash || lines == 0 {
		t.Errorf("hashes: plain %#x, traced %#x (%d bytes of trace), from its text %#x", plain.Hash, traced.Hash, lines, parsed.Hash)
	}
	q := p.Clone()
	q.Seed++
	if other := Run(q, RunOptions{}); other.Hash == plain.Hash {
		t.Error("two seeds have one hash")
	}
}

type counter int

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }

func BenchmarkLight(b *testing.B) {
	p, err := Draw(1, Options{Scenario: "light", For: 60_000_000_000})
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, p)
}

func BenchmarkMixed(b *testing.B) {
	p, err := Draw(1, Options{})
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, p)
}

// benchmark reports virtual seconds a second and what a seed costs.
func benchmark(b *testing.B, p Plan) {
	b.ReportAllocs()
	if os.Getenv("GOGC") == "" { // as cmd/simrun does
		defer debug.SetGCPercent(debug.SetGCPercent(400))
	}
	var virtual, events int64
	for b.Loop() {
		r := Run(p, RunOptions{})
		if r.Failed() {
			b.Fatal(r.Sentence())
		}
		virtual += int64(r.Virtual)
		events += r.Events
	}
	b.ReportMetric(float64(virtual)/1e9/b.Elapsed().Seconds(), "virtual-s/s")
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
