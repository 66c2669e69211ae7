package main

import (
	"strings"

	"github.com/spf13/pflag"

	"trial/clock"
	"trial/sim/cluster"
)

// planFlags are the options that, with a seed, make a plan.
type planFlags struct {
	span     string
	brokers  int32
	mode     string
	scenario string
	set      []string
	acks     string
	mutant   string
}

func (p *planFlags) register(f *pflag.FlagSet) {
	f.StringVar(&p.span, "for", cluster.DefaultFor.String(), "virtual `time` of the fault phase, as in 30s or 2m")
	f.Int32Var(&p.brokers, "brokers", cluster.DefaultBrokers, "brokers in the cluster")
	f.StringVar(&p.mode, "mode", string(cluster.Budget), "budget: only faults that the promises must survive; unbounded: any")
	f.StringVar(&p.scenario, "scenario", cluster.Mixed, "`name` of a scenario (see simrun scenarios)")
	f.StringArrayVar(&p.set, "set", nil, "topic or broker config as `config=value`, by Kafka's name; repeatable")
	f.StringVar(&p.acks, "acks", "", "acks of every producer: 0, 1 or all (default: drawn)")
	f.StringVar(&p.mutant, "mutant", "", "`ID` of a planted bug (needs a binary built with -tags mutants)")
}

func (p *planFlags) options() (cluster.Options, error) {
	d, err := clock.Parse(p.span)
	if err != nil {
		return cluster.Options{}, usagef("--for: %w", err)
	}
	mode, err := cluster.ParseMode(p.mode)
	if err != nil {
		return cluster.Options{}, usagef("--mode: %w", err)
	}
	o := cluster.Options{Scenario: p.scenario, Mode: mode, For: d, Brokers: p.brokers, Acks: p.acks, Mutant: p.mutant}
	if d <= 0 {
		return o, usagef("--for %s: the fault phase must last more than 0s", p.span)
	}
	if p.brokers <= 0 {
		return o, usagef("--brokers %d: a cluster has at least 1", p.brokers)
	}
	if o.Set, err = parseSet(p.set); err != nil {
		return o, err
	}
	return o, nil
}

// parseSet reads key=value flags.
func parseSet(flags []string) ([]cluster.Setting, error) {
	var out []cluster.Setting
	for _, s := range flags {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return nil, usagef("--set %q: write config=value, as in --set min.insync.replicas=1", s)
		}
		out = append(out, cluster.Setting{Key: k, Value: v})
	}
	return out, nil
}
