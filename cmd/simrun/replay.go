package main

import (
	"fmt"
	"io"
	"os"
	"strconv"

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
	for _, a := range r.Allowed {
		fmt.Fprintf(w, "    %d %s, case %s: %s\n", a.Count, a.What, a.Case, a.Sentence)
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
