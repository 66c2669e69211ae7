package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"trial/sim/cluster"
)

// jsonReport prints one object a seed.
type jsonReport struct {
	out    io.Writer
	failed bool
}

// seedJSON is the object; its names are a promise.
type seedJSON struct {
	Seed       string   `json:"seed"`
	Hash       string   `json:"hash"`
	Verdict    string   `json:"verdict"`
	Rules      []string `json:"rules"`
	Reason     string   `json:"reason,omitempty"`
	Events     int64    `json:"events"`
	VirtualMs  int64    `json:"virtualMs"`
	WallMs     int64    `json:"wallMs"`
	Acked      int64    `json:"acked"`
	Delivered  int64    `json:"delivered"`
	Lost       int64    `json:"lost"`
	Duplicated int64    `json:"duplicated"`
	Faults     int64    `json:"faults"`

	Allowed map[string]int64 `json:"allowed,omitempty"` // by row of the ledger: records lost, doubled, swapped
}

func (j *jsonReport) seed(t timed) {
	o := seedJSON{
		Seed: cluster.SeedString(t.Plan.Seed), Hash: cluster.SeedString(t.Hash), Verdict: string(t.Verdict), Rules: t.Rules(),
		Events: t.Events, VirtualMs: t.Virtual.Ms(), WallMs: t.wall.Milliseconds(), Acked: t.Acked, Delivered: t.Delivered,
		Lost: t.Lost, Duplicated: t.Duplicated, Faults: t.Faults,
	}
	for _, a := range t.Allowed {
		if o.Allowed == nil {
			o.Allowed = map[string]int64{}
		}
		o.Allowed[a.Case] += a.Count
	}
	if t.Failed() {
		j.failed = true
		o.Reason = t.Sentence()
	}
	b, _ := json.Marshal(o) // a struct of strings and integers always marshals
	fmt.Fprintf(j.out, "%s\n", b)
}

func (j *jsonReport) end(time.Duration) error {
	if j.failed {
		return errVerdict
	}
	return nil
}

// textReport prints failures as they come and a summary.
type textReport struct {
	out  io.Writer
	bar  *progressbar.ProgressBar
	opts cluster.Options

	results []timed
}

// newBar returns a progress bar where w is a terminal, else nil.
func newBar(w io.Writer, seeds int) *progressbar.ProgressBar {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return progressbar.NewOptions(seeds, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription("seeds"),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
}

func (r *textReport) seed(t timed) {
	r.results = append(r.results, t)
	if r.bar != nil {
		_ = r.bar.Add(1) // a bar that cannot draw is no reason to fail
	}
	if !t.Failed() {
		return
	}
	if r.bar != nil {
		_ = r.bar.Clear()
	}
	fmt.Fprintf(r.out, "seed %s  %s\n", cluster.SeedString(t.Plan.Seed), t.Sentence())
	for _, verb := range []string{"replay", "shrink"} {
		fmt.Fprintf(r.out, "  %-7s %s\n", verb+":", cluster.ReplayLine(verb, t.Plan.Seed, r.opts))
	}
}

func (r *textReport) end(wall time.Duration) error {
	if r.bar != nil {
		_ = r.bar.Finish()
	}
	var total cluster.Result
	verdicts := map[cluster.Verdict]int{}
	for i := range r.results {
		t := &r.results[i]
		verdicts[t.Verdict]++
		total.Events += t.Events
		total.Virtual += t.Virtual
		total.Acked += t.Acked
		total.AckedOne += t.AckedOne
		total.SentZero += t.SentZero
		total.Delivered += t.Delivered
		total.Faults += t.Faults
		total.Skipped += t.Skipped
		total.Elections += t.Elections
		total.ISRChanges += t.ISRChanges
	}
	var words []string
	for _, v := range []cluster.Verdict{cluster.Pass, cluster.Failed, cluster.Stuck, cluster.Empty, cluster.Nondeterministic, cluster.Exhausted} {
		if n := verdicts[v]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, v))
		}
	}
	fmt.Fprintf(r.out, "%s of %d seeds: %d brokers, scenario %s, mode %s, %v of faults each\n",
		strings.Join(words, ", "), len(r.results), r.results[0].Plan.Brokers, r.results[0].Plan.Scenario, r.results[0].Plan.Mode, r.results[0].Plan.For)
	fmt.Fprintf(r.out, "  %s virtual in %.1fs, %s events; %s faults struck (%s skipped), %s leader changes, %s ISR changes\n",
		(time.Duration(total.Virtual)).Round(time.Second), wall.Seconds(), group(total.Events), group(total.Faults), group(total.Skipped), group(total.Elections), group(total.ISRChanges))
	fmt.Fprintf(r.out, "  %s records acknowledged, %s delivered\n", group(total.Acked), group(total.Delivered))
	r.losses(&total)
	if verdicts[cluster.Pass] != len(r.results) {
		return errVerdict
	}
	return nil
}

// cause is one reason for which records may be lost, over all seeds.
type cause struct {
	of          string // the row of the ledger
	lost, seeds int64
	example     uint64
}

// losses says in words what was lost and why that was allowed.
func (r *textReport) losses(total *cluster.Result) {
	var causes []*cause
	for i := range r.results {
		for _, l := range r.results[i].Losses {
			k := slices.IndexFunc(causes, func(c *cause) bool { return c.of == l.Case })
			if k < 0 {
				k = len(causes)
				causes = append(causes, &cause{of: l.Case, example: r.results[i].Plan.Seed})
			}
			causes[k].lost += l.Lost
			causes[k].seeds++
		}
	}
	if len(causes) == 0 {
		fmt.Fprintf(r.out, "  none of them was lost\n")
	}
	for _, c := range causes {
		fmt.Fprintf(r.out, "  %s in %d of %d seeds, %s; %s\n", c.words(total), c.seeds, len(r.results), allowedBy(c.of),
			cluster.ReplayLine("replay", c.example, r.opts))
	}
}

func (c *cause) words(total *cluster.Result) string {
	switch c.of {
	case "A":
		return fmt.Sprintf("with acks=0, %s of %s records sent were lost", group(c.lost), group(total.SentZero))
	case "B":
		return fmt.Sprintf("with acks=1, %s of %s acknowledged records were lost", group(c.lost), group(total.AckedOne))
	}
	return fmt.Sprintf("%s of %s acknowledged records were lost", group(c.lost), group(total.Acked))
}

// allowedBy names the setting or the fault that permits a loss (the rows of the
// ledger).
func allowedBy(row string) string {
	switch row {
	case "A":
		return "allowed by acks=0"
	case "B":
		return "allowed by acks=1"
	case "C1":
		return "allowed without eligible leader replicas: the last in-sync replica lost its unsynced bytes and led again"
	case "C2":
		return "allowed since min.insync.replicas replicas or more lost their unsynced bytes"
	case "C3":
		return "allowed by min.insync.replicas=1"
	case "D":
		return "allowed by unclean.leader.election.enable=true"
	case "E":
		return "allowed since every replica lost its unsynced bytes"
	case "R":
		return "allowed since the topic was deleted"
	case "W":
		return "allowed since ephemeral volumes were empty after their pods were made anew"
	case "M":
		return "allowed since a majority of the controllers came back with empty volumes and the cluster forgot its topics"
	}
	return "allowed by case " + row + " of the ledger"
}

// group writes 81204 as 81,204.
func group(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
