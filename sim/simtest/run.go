package simtest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"trial/clock"
	"trial/sim/cluster"
)

// Function is what a test does with a cluster. It may return an error, which fails
// the run.
type Function interface {
	func(*Cluster) | func(*Cluster) error
}

// Run runs the function on a cluster of its own for every seed, each as a subtest
// named by the seed. See the package's words for what a failure prints and for the
// environment variables that choose the seeds.
func Run[F Function](t *testing.T, cfg Config, fn F) {
	t.Helper()
	r := &runner{cfg: cfg.withDefaults(), name: t.Name()}
	switch f := any(fn).(type) {
	case func(*Cluster):
		r.fn = func(c *Cluster) error { f(c); return nil }
	case func(*Cluster) error:
		r.fn = f
	}
	file, _ := runtime.FuncForPC(reflect.ValueOf(fn).Pointer()).FileLine(reflect.ValueOf(fn).Pointer())
	pc, caller, _, _ := runtime.Caller(1)
	r.dirs, r.pkg = []string{path.Dir(file), path.Dir(caller)}, packageOf(pc)
	r.all(t)
}

// runner runs one test.
type runner struct {
	cfg    Config
	fn     func(*Cluster) error
	name   string   // of the test
	pkg    string   // its package, as go test takes it
	dirs   []string // where its lines are
	shrunk bool     // one failure was shrunk: the others are only told
}

func (r *runner) all(t *testing.T) {
	if file := os.Getenv(envPlan); file != "" {
		f, err := readPlan(file)
		if err != nil {
			t.Fatalf("%s: %v", envPlan, err)
		}
		r.shrunk = true
		if abs, err := filepath.Abs(file); err == nil {
			file = abs
		}
		t.Run(filepath.Base(file), func(t *testing.T) { r.trial(t, f, envPlan+"="+file) })
		return
	}
	for _, seed := range Seeds(t, r.cfg.Seeds) {
		t.Run(cluster.SeedString(seed), func(t *testing.T) {
			p, err := r.cfg.plan(seed)
			if err != nil {
				t.Fatal(err)
			}
			r.trial(t, attempt{plan: p}, envSeed+"="+cluster.SeedString(seed))
		})
	}
}

// attempt is what one run depends on beside the function.
type attempt struct {
	plan cluster.Plan
	skip []int // faults of the function that are left out, counted from 1
}

// outcome is what one run came to.
type outcome struct {
	result cluster.Result
	fails  []failure // the first decides
	script script
	lines  []string
}

func (o *outcome) key() string {
	if len(o.fails) == 0 {
		return ""
	}
	return o.fails[0].key
}

// trial runs an attempt twice, and shrinks and tells what fails.
func (r *runner) trial(t *testing.T, a attempt, replay string) {
	t.Helper()
	o := r.run(a, nil, "")
	again := r.run(a, nil, "")
	if why := differ(&o, &again); why != "" {
		t.Error(why + "\nreplay: " + r.line(replay))
		return
	}
	if o.key() == "" {
		for _, l := range o.lines {
			t.Log(l)
		}
		t.Logf("pass: %d records acknowledged, %d delivered, %d faults, %v of virtual time", o.result.Acked, o.result.Delivered, o.result.Faults, o.result.Virtual)
		return
	}
	was, used := o, -1
	if !r.shrunk && r.cfg.ShrinkRuns > 0 {
		r.shrunk = true
		a, used = r.shrink(a, &o)
	}
	r.report(t, a, &was, used, replay)
}

// run runs an attempt. It ends early, without the judges of the end, if the
// function fails with the key that is wanted.
func (r *runner) run(a attempt, trace io.Writer, want string) outcome {
	s := cluster.Open(a.plan, cluster.RunOptions{Trace: trace})
	c := &Cluster{
		cfg: r.cfg, stage: s, rng: rand.New(rand.NewPCG(a.plan.Seed, 1)), script: script{skip: a.skip}, where: locator(r.dirs),
	}
	s.OnFault(c.struck)
	c.form()
	if len(c.fails) == 0 && s.Err() == nil {
		done := make(chan struct{})
		go c.play(r.fn, done)
		<-done
		c.ending()
	}
	o := outcome{}
	if want == "" || len(c.fails) == 0 || c.fails[0].key != want {
		o.result = s.Finish()
		c.verdict(&o.result)
	}
	o.fails, o.script, o.lines = c.fails, c.script, c.lines
	return o
}

// formingFor is how long the cluster has before faults may strike, formingLimit
// how long in all.
const (
	formingFor   = 2500 * clock.Millisecond
	formingLimit = 5 * clock.Minute
)

// form waits until the topics are there, and in sync if there is time for that.
func (c *Cluster) form() {
	if c.stage.Await("", formingFor, c.stage.Ready) == nil || c.stage.Err() != nil {
		return
	}
	err := c.stage.Await("every topic created and led", formingLimit, func() bool {
		for _, t := range c.stage.Plan().Topics {
			for p := range max(t.Partitions, 1) {
				if _, led := c.stage.Leader(t.Name, p); !led {
					return false
				}
			}
		}
		return true
	})
	if err != nil && c.stage.Err() == nil {
		c.fail("forming", "%v", err)
	}
}

// play calls the function, on a goroutine of its own so that Fatalf can end it.
func (c *Cluster) play(fn func(*Cluster) error, done chan struct{}) {
	defer close(done)
	defer func() {
		if p := recover(); p != nil {
			c.exit.panicked, c.exit.at = p, c.where()
		}
	}()
	err := fn(c)
	c.exit.returned = true
	if err != nil {
		c.fails = append(c.fails, failure{"returned error", c.stage.Now(), "the function returned: " + err.Error()})
	}
}

// ending looks at how the function has ended.
func (c *Cluster) ending() {
	switch e := &c.exit; {
	case e.panicked != nil:
		c.fails = append(c.fails, failure{"panic " + e.at, c.stage.Now(), fmt.Sprintf("%s: panic: %v", e.at, e.panicked)})
	case !e.returned && !e.stopped:
		c.fails = append(c.fails, failure{"FailNow", c.stage.Now(),
			"the function was ended by FailNow of a testing.T; with Fatalf of the Cluster the failure could be shrunk and replayed"})
	}
}

// verdict adds what the judges say.
func (c *Cluster) verdict(r *cluster.Result) {
	at := clock.Instant(r.Virtual)
	switch {
	case r.Verdict == cluster.Empty:
		if !c.cfg.Idle && len(c.fails) == 0 {
			c.fails = append(c.fails, failure{"empty", at, "no record was acknowledged or delivered, so the run shows nothing; send some, or set Config.Idle"})
		}
	case len(r.Violations) > 0:
		v := r.Violations[0]
		f := failure{v.Rule, v.At, fmt.Sprintf("rule %s: %s", v.Rule, v.Reason)}
		// What the judges saw before the function failed comes first.
		i := slices.IndexFunc(c.fails, func(f failure) bool { return f.at > v.At })
		if i < 0 {
			i = len(c.fails)
		}
		c.fails = slices.Insert(c.fails, i, f)
	case r.Failed():
		c.fails = append(c.fails, failure{string(r.Verdict), at, string(r.Verdict) + ": " + r.Note})
	case c.cfg.Lossless && r.Lost > 0:
		why := ""
		if len(r.Losses) > 0 {
			why = ": " + r.Losses[0].Sentence
		}
		c.fails = append(c.fails, failure{"lossless", at, fmt.Sprintf("%d acknowledged records are lost, as the configuration permits%s", r.Lost, why)})
	}
}

// differ says how two runs of one attempt differ; "" if they do not.
func differ(a, b *outcome) string {
	if a.result.Hash == b.result.Hash && a.result.Events == b.result.Events && a.key() == b.key() && slices.Equal(a.script.calls, b.script.calls) {
		return ""
	}
	s := "two runs of one seed differ, so that nothing they say could be replayed"
	n := 0
	for n < len(a.script.calls) && n < len(b.script.calls) && a.script.calls[n] == b.script.calls[n] {
		n++
	}
	call := func(o *outcome) string {
		if n < len(o.script.calls) {
			return o.script.calls[n]
		}
		return "nothing more"
	}
	if n == len(a.script.calls) && n == len(b.script.calls) {
		return s + fmt.Sprintf(": all %d calls of the function were the same, but the trace hashes are %#016x and %#016x (%q, %q).\n"+
			"Did it keep something from the run before, in a variable outside the function?", n, a.result.Hash, b.result.Hash, a.key(), b.key())
	}
	return s + fmt.Sprintf(". Call %d of the function was\n  %s\nin the first and\n  %s\nin the second.\n"+
		"The function must depend on the seed alone: no order of a map, no time.Now, no math/rand (use Cluster.Rand), no goroutine,\n"+
		"and nothing kept from the run before in a variable outside it.", n+1, call(a), call(b))
}
