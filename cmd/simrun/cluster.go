package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"trial/sim/cluster"
	"trial/sim/strimzi"
)

// clusterFlags are the options of a run that asks questions of a Strimzi cluster.
type clusterFlags struct {
	files  []string
	topics []string
	zones  int
	only   []string
	output string
}

// Defaults of a run over files.
const (
	clusterSeeds = 3
	clusterZones = 3
)

func (c *clusterFlags) register(f *pflag.FlagSet) {
	f.StringArrayVar(&c.files, "cluster", nil, "Strimzi `file` (Kafka, KafkaNodePool, KafkaTopic): ask what the cluster survives; repeatable")
	f.StringSliceVar(&c.topics, "topics", nil, "with --cluster: more topics, as `name:partitions:replicas`")
	f.IntVar(&c.zones, "zones", clusterZones, "with --cluster: zones that the pods of each pool are spread over; 1 for none")
	f.StringSliceVar(&c.only, "only", nil, "with --cluster: only these `questions`, as in rolling-update,zone-loss-a")
	f.StringVarP(&c.output, "output", "o", "", "with --cluster: write the worst plan of each question into `directory`")
}

// notWithCluster are the options that files and questions decide.
var notWithCluster = []string{"for", "brokers", "mode", "scenario", "acks", "mutant", "verify"}

// onlyWithCluster are the options that mean nothing without files.
var onlyWithCluster = []string{"topics", "zones", "only", "output"}

// runCluster answers an operator's questions about a cluster.
func (r *runCommand) runCluster(cmd *cobra.Command) error {
	for _, name := range notWithCluster {
		if cmd.Flags().Changed(name) {
			return usagef("--%s has no meaning with --cluster: the files and the questions decide", name)
		}
	}
	if !cmd.Flags().Changed("seeds") {
		r.seeds = clusterSeeds
	}
	first, err := r.firstSeed()
	if err != nil {
		return err
	}
	switch {
	case r.seeds < 1:
		return usagef("--seeds %d: at least one seed is needed", r.seeds)
	case r.jobs < 1:
		return usagef("--jobs %d: at least one run at a time is needed", r.jobs)
	case r.cluster.zones < 1 || r.cluster.zones > strimzi.MaxZones:
		return usagef("--zones %d: 1 to %d are possible", r.cluster.zones, strimzi.MaxZones)
	}
	t := &clusterTrial{runCommand: r, first: first, out: cmd.OutOrStdout()}
	if t.c, err = r.cluster.load(r.plan.set); err != nil {
		return err
	}
	if err := t.choose(); err != nil {
		return err
	}
	return t.run()
}

// load reads the files and adds what the command line says.
func (f *clusterFlags) load(set []string) (*strimzi.Cluster, error) {
	var files []strimzi.File
	for _, name := range f.files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, usagef("--cluster: %w", err)
		}
		files = append(files, strimzi.File{Name: name, Data: data})
	}
	c, err := strimzi.Load(files...)
	if err != nil {
		return nil, usageError{err}
	}
	settings, err := parseSet(set)
	if err != nil {
		return nil, err
	}
	for _, s := range settings {
		c.Set(s.Key, s.Value)
	}
	for _, s := range f.topics {
		words := strings.Split(s, ":")
		if len(words) != 3 {
			return nil, usagef("--topics %q: write name:partitions:replicas, as in orders:12:3", s)
		}
		partitions, err1 := strconv.ParseInt(words[1], 10, 32)
		replicas, err2 := strconv.ParseInt(words[2], 10, 32)
		if err1 != nil || err2 != nil {
			return nil, usagef("--topics %q: partitions and replicas are whole numbers, as in orders:12:3", s)
		}
		c.Topics = append(c.Topics, cluster.Topic{Name: words[0], Partitions: int32(partitions), Replicas: int32(replicas)})
	}
	return c, nil
}

// clusterTrial is one command under way.
type clusterTrial struct {
	*runCommand
	c         *strimzi.Cluster
	questions []strimzi.Question
	first     uint64
	out       io.Writer
}

// choose takes the questions that are asked for, and makes sure that their plans
// can be run.
func (t *clusterTrial) choose() error {
	all := t.c.Questions(t.cluster.zones)
	var keys []string
	for _, q := range all {
		keys = append(keys, q.Key)
		if len(t.cluster.only) == 0 || slices.Contains(t.cluster.only, q.Key) {
			t.questions = append(t.questions, q)
		}
	}
	for _, k := range t.cluster.only {
		if !slices.Contains(keys, k) {
			return usagef("--only %s: known are %s", k, strings.Join(keys, ", "))
		}
	}
	for _, q := range t.questions {
		if _, err := t.c.Plan(q, t.first, t.cluster.zones); err != nil {
			return usagef("--cluster: %w", err)
		}
	}
	if t.cluster.output != "" {
		if err := os.MkdirAll(t.cluster.output, 0o755); err != nil {
			return usagef("-o: %w", err)
		}
	}
	return nil
}

func (t *clusterTrial) run() error {
	if !t.json {
		t.head()
	}
	var answers []strimzi.Answer
	results := t.results()
	for i, q := range t.questions {
		answers = append(answers, t.c.Judge(q, results[i*t.seeds:(i+1)*t.seeds]))
	}
	var replays []string
	for i := range answers {
		line, err := t.replay(&answers[i])
		if err != nil {
			return err
		}
		replays = append(replays, line)
	}
	if t.json {
		t.printJSON(answers, replays)
	} else {
		t.print(answers, replays)
	}
	bad := func(a strimzi.Answer) bool { return a.Word == strimzi.Loses || a.Word == strimzi.Broken }
	if slices.ContainsFunc(answers, bad) {
		return errVerdict
	}
	return nil
}

// results runs every question with every seed, on as many workers as jobs.
func (t *clusterTrial) results() []cluster.Result {
	out := make([]cluster.Result, len(t.questions)*t.seeds)
	next, done := make(chan int), make(chan struct{})
	for range min(t.jobs, len(out)) {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range next {
				p, err := t.c.Plan(t.questions[i/t.seeds], t.first+uint64(i%t.seeds), t.cluster.zones)
				if err != nil { // choose has made sure for the first seed, and the rest differ in nothing that could be wrong
					out[i] = cluster.Result{Plan: p, Verdict: cluster.Failed, Note: err.Error()}
					continue
				}
				out[i] = cluster.Run(p, cluster.RunOptions{})
			}
		}()
	}
	for i := range out {
		next <- i
	}
	close(next)
	for range min(t.jobs, len(out)) {
		<-done
	}
	return out
}

// replay is the line that runs the worst plan of an answer again.
func (t *clusterTrial) replay(a *strimzi.Answer) (string, error) {
	if t.cluster.output != "" {
		path := filepath.Join(t.cluster.output, a.Question.Key+".plan")
		story := fmt.Sprintf("# %s: %s\n", a.Question.Name, a.Word)
		if a.Reason != "" {
			story += "# " + strings.ReplaceAll(a.Reason, "\n", "\n# ") + "\n"
		}
		if err := os.WriteFile(path, []byte(story+a.Plan.String()), 0o644); err != nil {
			return "", usagef("-o: %w", err)
		}
		return "simrun replay " + path, nil
	}
	line := "simrun run"
	for _, f := range t.cluster.files {
		line += " --cluster " + f
	}
	for _, s := range t.cluster.topics {
		line += " --topics " + s
	}
	for _, s := range t.plan.set {
		line += " --set " + s
	}
	if t.cluster.zones != clusterZones {
		line += fmt.Sprintf(" --zones %d", t.cluster.zones)
	}
	return line + fmt.Sprintf(" --only %s --seeds 1 --first-seed %s", a.Question.Key, cluster.SeedString(a.Plan.Seed)), nil
}

// head says what the files came to.
func (t *clusterTrial) head() {
	fmt.Fprintf(t.out, "cluster %s\n", t.c.Name)
	for _, l := range t.c.Lines(t.cluster.zones) {
		fmt.Fprintf(t.out, "  %s\n", l)
	}
	if s := t.c.Shortened(); s != "" {
		fmt.Fprintf(t.out, "  simulated with fewer partitions: %s\n", s)
	}
	if len(t.c.Topics) == 0 {
		fmt.Fprintf(t.out, "  no KafkaTopic: a topic test with num.partitions (3 if not set) and default.replication.factor\n")
	}
	if len(t.c.Ignored) > 0 {
		fmt.Fprintf(t.out, "  ignored, without meaning here: %s\n", strings.Join(t.c.Ignored, ", "))
	}
	fmt.Fprintln(t.out)
}

func (t *clusterTrial) print(answers []strimzi.Answer, replays []string) {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what happens\tverdict\tlost\tno writes for\tno reads for\tseed")
	for i := range answers {
		a := &answers[i]
		lost := "0"
		if a.Lost > 0 {
			lost = fmt.Sprintf("%s of %s", group(a.Lost), group(a.Acked))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%#x\n", a.Question.Name, a.Word, lost, strimzi.Seconds(a.Write), strimzi.Seconds(a.Read), a.Plan.Seed)
	}
	_ = w.Flush() // the writer below tells nobody of errors either
	fmt.Fprintln(t.out)
	refilled := 0
	for i := range answers {
		a := &answers[i]
		switch {
		case a.Word != strimzi.Survives:
			fmt.Fprintf(t.out, "%s %s: %s\n  replay: %s\n", a.Question.Name, a.Word, a.Reason, replays[i])
		case a.Reason != "":
			refilled++
		}
	}
	if refilled > 0 {
		fmt.Fprintf(t.out, "In %d of the questions that it survives pods came back with empty ephemeral volumes and were filled again from other replicas.\n", refilled)
	}
	fmt.Fprintf(t.out, "Lost are records acknowledged with acks=all; the worst of %d seeds each. A cluster blocks if a partition waits longer than %v,\n"+
		"what failing over may take by its timeouts; nodes stay away longer than that.\n", t.seeds, t.c.Failover())
}

// answerJSON is one answer; its names are a promise.
type answerJSON struct {
	Question  string `json:"question"`
	Name      string `json:"name"`
	Verdict   string `json:"verdict"`
	Runs      int    `json:"runs"`
	Lost      int64  `json:"lost"`
	Acked     int64  `json:"acked"`
	NoWriteMs int64  `json:"noWriteMs"`
	NoReadMs  int64  `json:"noReadMs"`
	Reason    string `json:"reason,omitempty"`
	Seed      string `json:"seed"`
	Replay    string `json:"replay"`
}

func (t *clusterTrial) printJSON(answers []strimzi.Answer, replays []string) {
	for i := range answers {
		a := &answers[i]
		b, _ := json.Marshal(answerJSON{ // a struct of strings and integers always marshals
			Question: a.Question.Key, Name: a.Question.Name, Verdict: string(a.Word), Runs: a.Runs, Lost: a.Lost, Acked: a.Acked,
			NoWriteMs: a.Write.Length().Ms(), NoReadMs: a.Read.Length().Ms(), Reason: a.Reason,
			Seed: cluster.SeedString(a.Plan.Seed), Replay: replays[i],
		})
		fmt.Fprintf(t.out, "%s\n", b)
	}
}
