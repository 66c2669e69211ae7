package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"trial/sim/cluster"
)

// loadPlan takes a seed, which the options expand, or the path of a plan.
func loadPlan(arg string, opts cluster.Options) (cluster.Plan, error) {
	if seed, err := cluster.ParseSeed(arg); err == nil {
		p, err := cluster.Draw(seed, opts)
		if err != nil {
			return p, usageError{err}
		}
		return p, nil
	}
	text, err := os.ReadFile(arg)
	if err != nil {
		return cluster.Plan{}, usagef("%q is neither a seed nor a readable plan file: %w", arg, err)
	}
	p, err := cluster.ParsePlan(string(text))
	if err != nil {
		return p, usagef("%s: %w", arg, err)
	}
	return p, nil
}

func newReplay() *cobra.Command {
	var (
		flags        planFlags
		trace, until string
	)
	cmd := &cobra.Command{
		Use:   "replay SEED|PLAN",
		Short: "Run one seed or plan again, with its trace",
		Args:  oneArg("a seed or a plan file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := flags.options()
			if err != nil {
				return err
			}
			p, err := loadPlan(args[0], opts)
			if err != nil {
				return err
			}
			var ro cluster.RunOptions
			if until != "" {
				if ro.Until, err = strconv.ParseInt(until, 10, 64); err != nil || ro.Until < 1 {
					return usagef("--until %q: write the number of an event, as the trace shows it", until)
				}
			}
			closeTrace, err := openTrace(&ro, trace, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			res := cluster.Run(p, ro)
			if err := closeTrace(); err != nil {
				return err
			}
			return describe(cmd.OutOrStdout(), res)
		},
	}
	cmd.Flags().StringVar(&trace, "trace", "", "write the trace to `FILE`, - for standard output")
	cmd.Flags().StringVar(&until, "until", "", "stop after the `EVENT` of that number")
	flags.register(cmd.Flags())
	return cmd
}

func openTrace(ro *cluster.RunOptions, path string, stdout io.Writer) (func() error, error) {
	switch path {
	case "":
		return func() error { return nil }, nil
	case "-":
		ro.Trace = stdout
		return func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, usagef("--trace: %w", err)
	}
	ro.Trace = f
	return f.Close, nil
}

// describe prints a plan and what became of it.
func describe(w io.Writer, r cluster.Result) error {
	fmt.Fprint(w, r.Plan)
	fmt.Fprintf(w, "\nhash %s, %s events, %v virtual\n", cluster.SeedString(r.Hash), group(r.Events), r.Virtual)
	fmt.Fprintf(w, "%s records acknowledged, %s delivered, %d lost and %d duplicated within what the configuration allows\n",
		group(r.Acked), group(r.Delivered), r.Lost, r.Duplicated)
	for _, m := range r.Missed {
		fmt.Fprintf(w, "    skipped: %s\n", m)
	}
	for _, l := range r.Losses {
		fmt.Fprintf(w, "    %d lost, case %s: %s\n", l.Lost, l.Case, l.Sentence)
	}
	for _, l := range r.Ledger {
		fmt.Fprintf(w, "    ledger, %s\n", l)
	}
	for _, v := range r.Violations {
		fmt.Fprintf(w, "%s at %v: %s\n", v.Rule, v.At, v.Reason)
		for _, e := range v.Events {
			fmt.Fprintf(w, "    %s\n", e)
		}
	}
	fmt.Fprintln(w, r.Sentence())
	if r.Failed() {
		return errVerdict
	}
	return nil
}

func newShrink() *cobra.Command {
	var (
		flags     planFlags
		out       string
		budget    int
		keepTimes bool
	)
	cmd := &cobra.Command{
		Use:   "shrink SEED|PLAN",
		Short: "Find the smallest plan that fails the same rule",
		Args:  oneArg("a seed or a plan file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := flags.options()
			if err != nil {
				return err
			}
			if budget < 1 {
				return usagef("--budget %d: at least one run is needed", budget)
			}
			p, err := loadPlan(args[0], opts)
			if err != nil {
				return err
			}
			return shrink(cmd.OutOrStdout(), p, cluster.ShrinkOptions{Budget: budget, KeepTimes: keepTimes}, out)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write the shrunk plan to `FILE`")
	cmd.Flags().IntVar(&budget, "budget", cluster.ShrinkBudget, "candidate runs at most")
	cmd.Flags().BoolVar(&keepTimes, "keep-times", false, "leave the faults at their times: no anchors such as \"after 3 acks of t-0\"")
	flags.register(cmd.Flags())
	return cmd
}

func shrink(w io.Writer, p cluster.Plan, o cluster.ShrinkOptions, out string) error {
	best, res, used := cluster.ShrinkWith(p, o)
	if !res.Failed() {
		fmt.Fprintf(w, "pass: nothing to shrink\n")
		return nil
	}
	fmt.Fprintf(w, "%s\n%d faults shrunk to %d in %d runs, the same rule (%s) firing:\n\n%s",
		res.Sentence(), len(p.Faults), len(best.Faults), used, res.First(), best.Faults)
	if out == "" {
		fmt.Fprintf(w, "\n%s", best)
		return errVerdict
	}
	story := "# " + strings.ReplaceAll(res.Sentence(), "\n", "\n# ") + "\n"
	if err := os.WriteFile(out, []byte(story+best.String()), 0o644); err != nil {
		return usagef("-o: %w", err)
	}
	fmt.Fprintf(w, "\nreplay: simrun replay %s\n", out)
	return errVerdict
}

func newScenarios() *cobra.Command {
	return &cobra.Command{
		Use:   "scenarios",
		Short: "List the scenarios",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, s := range cluster.Scenarios {
				fmt.Fprintf(cmd.OutOrStdout(), "%-10s %s\n", s.Name, s.Doc)
			}
			return nil
		},
	}
}
