package simtest

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"trial/sim/cluster"
)

// report tells a failure: the verdict, the faults that it takes, the line that
// replays it, and where plan and trace are. used is how many runs shrinking took;
// -1 says that nothing was shrunk.
func (r *runner) report(t *testing.T, a attempt, was *outcome, used int, replay string) {
	t.Helper()
	name := filepath.Join(t.ArtifactDir(), cluster.SeedString(a.plan.Seed))
	o := was
	if kept() || used > 0 {
		again, err := r.traced(a, name+".trace")
		if err != nil {
			t.Errorf("the trace cannot be written: %v", err)
		}
		if again.key() != was.key() { // it cannot be, but what is told must be true
			t.Errorf("shrunk, it came to %q instead of %q", again.key(), was.key())
		} else {
			o = &again
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v\n", o.fails[0])
	for _, f := range o.fails[1:] {
		fmt.Fprintf(&b, "and %v\n", f)
	}
	b.WriteString(o.faults(len(was.struck()), used))
	for _, l := range o.lines {
		b.WriteString("log:    " + l + "\n")
	}
	b.WriteString("replay: " + r.line(replay))
	story := b.String()
	if err := os.WriteFile(name+".plan", []byte(a.text(story)), 0o666); err != nil {
		t.Errorf("the plan cannot be written: %v", err)
	}
	if !kept() {
		t.Errorf("%s\n        (with -artifacts go test keeps the plan and the trace)", story)
		return
	}
	t.Errorf("%s\nor:     %s\ntrace:  %s", story, r.line(envPlan+"="+name+".plan"), name+".trace")
}

// kept says whether go test keeps artifacts.
func kept() bool {
	f := flag.Lookup("test.artifacts")
	return f != nil && f.Value.String() == "true"
}

// traced runs an attempt once more, with its trace.
func (r *runner) traced(a attempt, file string) (outcome, error) {
	f, err := os.Create(file)
	if err != nil {
		return r.run(a, nil, ""), err
	}
	w := bufio.NewWriter(f)
	o := r.run(a, w, "")
	err = w.Flush()
	if e := f.Close(); err == nil {
		err = e
	}
	return o, err
}

// struck are the faults of the story, without what ended them.
func (o *outcome) struck() []entry {
	var out []entry
	for _, e := range o.script.story {
		if e.own >= 0 {
			out = append(out, e)
		}
	}
	return out
}

// faults prints the schedule of a failure.
func (o *outcome) faults(before, used int) string {
	var b strings.Builder
	switch n := len(o.struck()); {
	case n == 0 && before == 0:
		return "without any fault\n"
	case used < 0 && n > fewFaults:
		return count(n, "fault") + ", not shrunk: the replay line shrinks them\n"
	case used <= 0:
		fmt.Fprintf(&b, "%s:\n", count(n, "fault"))
	case n == 0:
		return fmt.Sprintf("%s shrunk to none in %s\n", count(before, "fault"), count(used, "run"))
	default:
		fmt.Fprintf(&b, "%s shrunk to %d in %s:\n", count(before, "fault"), n, count(used, "run"))
	}
	width, wide := 0, 0
	for _, e := range o.script.story {
		width, wide = max(width, len(ms(e.at))), max(wide, len(e.text))
	}
	for _, e := range o.script.story {
		line := fmt.Sprintf("  %-*s  %-*s", width, ms(e.at), wide, e.text)
		if e.who != "" {
			line += "  (" + e.who + ")"
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// fewFaults are told although they were not shrunk.
const fewFaults = 3

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// line is the command that runs this test with a setting of the environment.
func (r *runner) line(env string) string {
	var run []string
	for part := range strings.SplitSeq(r.name, "/") {
		run = append(run, "^"+regexp.QuoteMeta(part)+"$")
	}
	return env + " go test" + tags() + " -run '" + strings.Join(run, "/") + "' " + r.pkg
}

// tags are the build tags of this binary, as a flag.
func tags() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-tags" && s.Value != "" {
				return " -tags " + s.Value
			}
		}
	}
	return ""
}

// packageOf is the package of a test's function, as go test takes it.
func packageOf(pc uintptr) string {
	name := runtime.FuncForPC(pc).Name()
	slash := strings.LastIndexByte(name, '/') + 1
	pkg, _, _ := strings.Cut(name[slash:], ".")
	pkg = name[:slash] + strings.TrimSuffix(pkg, "_test")
	if pkg == "command-line-arguments" || pkg == "main" {
		return "."
	}
	return pkg
}
