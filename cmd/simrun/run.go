package main

import (
	"io"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"trial/sim/cluster"
)

// runCommand runs a range of seeds.
type runCommand struct {
	plan   planFlags
	seeds  int
	first  string
	jobs   int
	verify bool
	json   bool

	cluster clusterFlags
}

func newRun() *cobra.Command {
	r := &runCommand{}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run seeds to their verdicts",
		Long: `run expands each seed into a plan, runs it, and lets the judges decide. Exit
status: 0 if every seed passed, 1 for any other verdict, 2 for wrong usage.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd) },
	}
	r.flags(cmd)
	r.cluster.register(cmd.Flags())
	return cmd
}

func (r *runCommand) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&r.seeds, "seeds", 100, "how many seeds")
	f.StringVar(&r.first, "first-seed", "1", "first `seed`, decimal or 0x…; \"random\" draws one")
	f.IntVar(&r.jobs, "jobs", runtime.GOMAXPROCS(0), "runs at a time")
	f.BoolVar(&r.verify, "verify", false, "run every seed twice and compare (default: one in 64)")
	f.BoolVar(&r.json, "json", false, "print one JSON object a seed")
	r.plan.register(f)
}

// verifyOneIn: one seed in so many is run twice without being asked.
const verifyOneIn = 64

func (r *runCommand) run(cmd *cobra.Command) error {
	if len(r.cluster.files) > 0 {
		return r.runCluster(cmd)
	}
	for _, name := range onlyWithCluster {
		if cmd.Flags().Changed(name) {
			return usagef("--%s needs --cluster", name)
		}
	}
	opts, err := r.plan.options()
	if err != nil {
		return err
	}
	first, err := r.firstSeed()
	if err != nil {
		return err
	}
	if r.seeds < 1 {
		return usagef("--seeds %d: at least one seed is needed", r.seeds)
	}
	if r.jobs < 1 {
		return usagef("--jobs %d: at least one run at a time is needed", r.jobs)
	}
	if _, err := cluster.Draw(first, opts); err != nil { // wrong options show on any seed
		return usageError{err}
	}
	out := r.reporter(cmd.OutOrStdout(), cmd.ErrOrStderr(), opts)
	start := time.Now()
	r.each(first, opts, out.seed)
	return out.end(time.Since(start))
}

func (r *runCommand) firstSeed() (uint64, error) {
	if r.first == "random" {
		return rand.Uint64(), nil
	}
	seed, err := cluster.ParseSeed(r.first)
	if err != nil {
		return 0, usagef("--first-seed: %w", err)
	}
	return seed, nil
}

// timed is a result with the time it took.
type timed struct {
	cluster.Result
	wall time.Duration
}

// each runs the seeds on as many workers as jobs and hands the results over in the
// order of the seeds.
func (r *runCommand) each(first uint64, opts cluster.Options, report func(timed)) {
	done := make([]chan timed, r.seeds)
	for i := range done {
		done[i] = make(chan timed, 1)
	}
	next := make(chan int)
	for range min(r.jobs, r.seeds) {
		go func() {
			for i := range next {
				done[i] <- r.one(first+uint64(i), opts, i)
			}
		}()
	}
	go func() {
		for i := range r.seeds {
			next <- i
		}
		close(next)
	}()
	for i := range done {
		report(<-done[i])
	}
}

func (r *runCommand) one(seed uint64, opts cluster.Options, i int) timed {
	start := time.Now()
	p, err := cluster.Draw(seed, opts)
	if err != nil {
		return timed{Result: cluster.Result{Plan: p, Verdict: cluster.Failed, Note: "the plan drawn from this seed is not valid: " + err.Error()}}
	}
	var res cluster.Result
	if r.verify || i%verifyOneIn == 0 {
		res = cluster.Verify(p, cluster.RunOptions{})
	} else {
		res = cluster.Run(p, cluster.RunOptions{})
	}
	return timed{res, time.Since(start)}
}

func (r *runCommand) reporter(stdout, stderr io.Writer, opts cluster.Options) reporter {
	if r.json {
		return &jsonReport{out: stdout}
	}
	return &textReport{out: stdout, bar: newBar(stderr, r.seeds), opts: opts}
}

// reporter hears of every seed, in order, and of the end.
type reporter interface {
	seed(timed)
	end(wall time.Duration) error
}
