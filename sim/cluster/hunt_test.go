//go:build mutants && unix

package cluster

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"trial/checks"
)

// Every planted bug is found in its recorded window. SIM_RUNS=n hunts n fresh
// seeds of each instead, and fails where the bug is found less than half as often
// as recorded.
func TestPlantedBugsAreFound(t *testing.T) {
	clean := CleanSeeds{}
	for _, m := range loadHunts(t) {
		t.Run(m.ID, func(t *testing.T) {
			if s := os.Getenv("SIM_RUNS"); s != "" {
				huntFresh(t, &m, s, clean)
				return
			}
			h, err := Hunt(m.ID, m.Seed, m.window(), HuntOptions{Clean: clean})
			if err != nil {
				t.Fatal(err)
			}
			found := h.Found()
			if len(found) == 0 {
				t.Fatalf("not found in seeds %d to %d; first rules otherwise: %v\nmeasure anew: SIM_PUBLISH=1 go test -tags mutants -run TestPublish/%s ./sim/cluster",
					m.Seed, m.Seed+uint64(m.window())-1, h.FirstRules(func(t *Trial) bool { return t.Other }), m.ID)
			}
			t.Logf("seed %d after %d seeds: %v", found[0].Seed, len(h.Trials), found[0].Rules)
			for _, x := range h.Trials {
				if x.Dirty {
					t.Errorf("not even the correct engine passes seed %d", x.Seed)
				}
			}
		})
	}
}

func huntFresh(t *testing.T, m *measured, runs string, clean CleanSeeds) {
	n, err := strconv.Atoi(runs)
	if err != nil || n < 1 {
		t.Fatalf("SIM_RUNS=%q is not a number of runs", runs)
	}
	h, err := Hunt(m.ID, 1_000_000, n, HuntOptions{All: true, Clean: clean})
	if err != nil {
		t.Fatal(err)
	}
	got := h.measure()
	t.Logf("found in %d of %d seeds, median %d seeds to detect (recorded: one in %.1f); first %v", got.Found, got.Trials, got.Median, m.oneIn(), got.First)
	if want := float64(got.Trials) / m.oneIn(); want >= 20 && float64(got.Found) < want/2 {
		t.Errorf("found in %d of %d seeds, recorded is one in %.1f: the climate or a judge has become weaker", got.Found, got.Trials, m.oneIn())
	}
}

// window is how many seeds a hunt from the recorded seed on may take, when
// changes have moved what happens in that seed: e^-6, one hunt in 400, takes longer.
func (m *measured) window() int { return min(Within, max(20, int(math.Ceil(6*m.oneIn())))) }

// measure sums a whole hunt up.
func (h *Hunted) measure() measured {
	m := measured{ID: h.ID, Trials: h.Judged()}
	var gaps []int
	var events, virtual []int64
	gap, ev, vi := 0, int64(0), int64(0)
	for _, x := range h.Trials {
		if x.Dirty {
			continue
		}
		gap, ev, vi = gap+1, ev+x.Events, vi+x.Virtual.Ms()/1000
		m.Reached += one(x.Reached > 0)
		m.Infected += one(x.Infected > 0)
		m.Other += one(x.Other)
		if !x.Found {
			continue
		}
		if m.Found++; m.Found == 1 {
			m.Seed = x.Seed
		}
		gaps, events, virtual = append(gaps, gap), append(events, ev), append(virtual, vi)
		gap, ev, vi = 0, 0, 0
		for _, r := range x.Rules {
			m.All = count(m.All, r)
		}
	}
	m.First = hitsOf(h.FirstRules(func(t *Trial) bool { return t.Found }))
	m.Median, m.Events, m.VirtualSec = median(gaps), median(events), median(virtual)
	return m
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func count(list []hits, rule string) []hits {
	for i := range list {
		if list[i].Rule == rule {
			list[i].Times++
			return list
		}
	}
	return append(list, hits{rule, 1})
}

func hitsOf(list []checks.Evaluation) []hits {
	var out []hits
	for _, e := range list {
		out = append(out, hits{e.Rule, int(e.Failed)})
	}
	return out
}

func median[T int | int64](list []T) T {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// What TestPublish runs of each bug: so many seeds, or more until there are enough
// detections for an interval that says something.
const (
	publishFirst  = 1
	publishTrials = 100
	publishFound  = 5
	publishBlack  = 60
)

// TestPublish measures every planted bug and writes the table of docs. It takes
// long, so SIM_PUBLISH asks for it.
func TestPublish(t *testing.T) {
	if os.Getenv("SIM_PUBLISH") == "" {
		t.Skip("SIM_PUBLISH=1 measures all planted bugs and writes " + tableFile)
	}
	clean := CleanSeeds{}
	for i := range Quarries {
		q := &Quarries[i]
		t.Run(q.ID, func(t *testing.T) {
			m := publish(t, q, clean)
			save(t, m)
			t.Logf("%+v", m)
		})
	}
}

func publish(t *testing.T, q *Quarry, clean CleanSeeds) measured {
	var h Hunted
	var spent time.Duration
	for len(h.Trials) < Within {
		start := cpu()
		more, err := Hunt(q.ID, publishFirst+uint64(len(h.Trials)), publishTrials, HuntOptions{All: true, Clean: clean})
		if err != nil {
			t.Fatal(err)
		}
		spent += cpu() - start
		h.Quarry, h.Trials = more.Quarry, append(h.Trials, more.Trials...)
		if len(h.Found()) >= publishFound {
			break
		}
	}
	m := h.measure()
	m.FirstSeed = publishFirst
	m.CPUSec = tenths(spent.Seconds() / float64(max(len(h.Trials), 1)) * float64(m.Median))
	if m.Found == 0 {
		t.Errorf("not found within %d seeds", len(h.Trials))
		return m
	}
	black, err := Hunt(q.ID, publishFirst, max(publishBlack, min(Within/10, 2*int(m.oneIn()))), HuntOptions{All: true, BlackBox: true, Clean: clean})
	if err != nil {
		t.Fatal(err)
	}
	m.BlackTrials = black.Judged()
	for _, x := range black.Trials {
		if rule := x.ByClients(); rule != "" && !x.Dirty {
			m.BlackFound++
			m.BlackFirst = count(m.BlackFirst, rule)
		}
	}
	p, err := Draw(m.Seed, q.Options(m.Seed))
	if err != nil {
		t.Fatal(err)
	}
	start := cpu()
	best, r, used := Shrink(p, ShrinkBudget, nil)
	m.Shrunk = shrunk{m.Seed, r.First(), len(p.Faults), len(best.Faults), used, tenths((cpu() - start).Seconds())}
	return m
}

func tenths(x float64) float64 { return float64(int64(x*10+0.5)) / 10 }

// cpu is the CPU time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// save puts the record of one bug in its place and writes file and table.
func save(t *testing.T, m measured) {
	t.Helper()
	var list []measured
	if _, err := os.Stat(huntsFile); err == nil {
		list = loadHunts(t)
	}
	var out []measured
	for _, q := range Quarries {
		if q.ID == m.ID {
			out = append(out, m)
			continue
		}
		if i := slices.IndexFunc(list, func(x measured) bool { return x.ID == q.ID }); i >= 0 {
			out = append(out, list[i])
		}
	}
	b, err := json.MarshalIndent(out, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(huntsFile, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(tableFile, []byte(table(out)), 0o644); err != nil {
		t.Fatal(err)
	}
}
