package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"trial/sim/cluster"
)

func newShrink() *cobra.Command {
	var (
		flags     planFlags
		out       string
		budget    int
		keepTimes bool
		show      showing
	)
	cmd := &cobra.Command{
		Use:   "shrink SEED|PLAN",
		Short: "Find the smallest plan that fails the same rule",
		Long: `shrink finds the smallest plan on which the same rule fires. With -o it is a file
for seeds/: what failed, in one sentence, room for the story, what to expect.
With --loses or --reaches it shrinks a plan that passes and shows something rare.`,
		Args: oneArg("a seed or a plan file"),
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
			return shrink(cmd.OutOrStdout(), p, cluster.ShrinkOptions{Budget: budget, KeepTimes: keepTimes}, show, out)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write the shrunk plan to `FILE`")
	cmd.Flags().IntVar(&budget, "budget", cluster.ShrinkBudget, "candidate runs at most")
	cmd.Flags().BoolVar(&keepTimes, "keep-times", false, "leave the faults at their times: no anchors such as \"after 3 acks of t-0\"")
	cmd.Flags().StringVar(&show.row, "loses", "", "shrink a plan that passes and uses this `ROW` of the ledger, as in C2")
	cmd.Flags().StringVar(&show.probe, "reaches", "", "shrink a plan that passes and reaches this `PROBE`")
	flags.register(cmd.Flags())
	return cmd
}

// showing is what a plan that passes is shrunk for, if anything.
type showing struct{ row, probe string }

func (s showing) set() bool { return s.row != "" || s.probe != "" }

func (s showing) by(r *cluster.Result) bool {
	return (s.row == "" || r.Shows(s.row)) && (s.probe == "" || r.Reached(s.probe))
}

// String says it in the words of a story.
func (s showing) String() string {
	var list []string
	if s.row != "" {
		list = append(list, "uses row "+s.row+" of the ledger")
	}
	if s.probe != "" {
		list = append(list, "reaches "+s.probe)
	}
	return strings.Join(list, " and ")
}

// directives are what the runner of seeds/ must hold the plan to.
func (s showing) directives() string {
	text := "# expect pass\n"
	if s.row != "" {
		text += "# loses " + s.row + "\n"
	}
	if s.probe != "" {
		text += "# reaches " + s.probe + "\n"
	}
	return text
}

func shrink(w io.Writer, p cluster.Plan, o cluster.ShrinkOptions, show showing, out string) error {
	if show.set() {
		o.Showing = show.by
	}
	best, res, used := cluster.ShrinkWith(p, o)
	if show.set() {
		if res.Failed() || !show.by(&res) {
			fmt.Fprintf(w, "%s: it does not pass such that it %s: nothing to shrink\n", res.Sentence(), show)
			return errVerdict
		}
		fmt.Fprintf(w, "%d faults shrunk to %d in %d runs; the plan still %s:\n\n%s", len(p.Faults), len(best.Faults), used, show, best.Faults)
		return keep(w, best, "It "+show.String()+": "+sample(&res, show)+"\n", show.directives(), out)
	}
	if !res.Failed() {
		fmt.Fprintf(w, "pass: nothing to shrink\n")
		return nil
	}
	fmt.Fprintf(w, "%s\n%d faults shrunk to %d in %d runs, the same rule (%s) firing:\n\n%s",
		res.Sentence(), len(p.Faults), len(best.Faults), used, res.First(), best.Faults)
	if err := keep(w, best, res.Sentence()+"\n", "# expect "+res.First()+"\n", out); err != nil {
		return err
	}
	return errVerdict
}

// sample is what the run says of the row that it shows.
func sample(r *cluster.Result, show showing) string {
	for _, a := range r.Allowed {
		if a.Case == show.row {
			return fmt.Sprintf("%d %s, %s.", a.Count, a.What, a.Sentence)
		}
	}
	for _, l := range r.Ledger {
		if strings.HasPrefix(l, "case "+show.row+":") {
			return l + "."
		}
	}
	return "(say what happens)"
}

// keep shows the plan, or writes it as a file of seeds/: the story, what to expect,
// the plan.
func keep(w io.Writer, p cluster.Plan, sentence, expect, out string) error {
	if out == "" {
		fmt.Fprintf(w, "\n%s", p)
		return nil
	}
	story := "# " + strings.ReplaceAll(strings.TrimSpace(sentence), "\n", "\n# ") + "\n" +
		"# (Tell here what happens step by step, who was wrong - engine, client, judge or plan - and what was changed.)\n"
	if err := os.WriteFile(out, []byte(story+expect+p.String()), 0o644); err != nil {
		return usagef("-o: %w", err)
	}
	fmt.Fprintf(w, "\nreplay: simrun replay %s\n", out)
	return nil
}
