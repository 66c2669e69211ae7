package simtest

import (
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"

	"trial/clock"
)

// failure is one thing that went wrong. Shrinking looks for the same key.
type failure struct {
	key  string
	at   clock.Instant
	text string
}

func (f failure) String() string { return f.text + " (at " + ms(f.at) + ")" }

// ms prints an instant as people read it.
func ms(at clock.Instant) string { return clock.Ms(at.Ms()).String() }

// Errorf says that something is wrong and goes on.
func (c *Cluster) Errorf(format string, args ...any) { c.fail(c.where(), format, args...) }

// Error is Errorf of fmt.Sprint.
func (c *Cluster) Error(args ...any) { c.fail(c.where(), "%s", fmt.Sprint(args...)) }

// Fatalf says that something is wrong and ends the function.
func (c *Cluster) Fatalf(format string, args ...any) { c.fatal(c.where(), format, args...) }

// Fatal is Fatalf of fmt.Sprint.
func (c *Cluster) Fatal(args ...any) { c.fatal(c.where(), "%s", fmt.Sprint(args...)) }

// FailNow ends the function as failed.
func (c *Cluster) FailNow() {
	if len(c.fails) == 0 {
		c.fail(c.where(), "the test failed")
	}
	c.stop()
}

// Failed reports whether something went wrong so far.
func (c *Cluster) Failed() bool { return len(c.fails) > 0 }

// Helper does nothing: a failure is said to be where the test's own package called.
func (c *Cluster) Helper() {}

// Check is Errorf unless ok.
func (c *Cluster) Check(ok bool, format string, args ...any) bool {
	if !ok {
		c.fail(c.where(), format, args...)
	}
	return ok
}

// Must is Fatalf if err is an error.
func (c *Cluster) Must(err error) {
	if err != nil {
		c.fatal(c.where(), "%v", err)
	}
}

// Logf writes a line that is shown if the run fails, or with go test -v.
func (c *Cluster) Logf(format string, args ...any) { c.line(format, args...) }

func (c *Cluster) line(format string, args ...any) {
	c.lines = append(c.lines, fmt.Sprintf("%s  %s", ms(c.stage.Now()), fmt.Sprintf(format, args...)))
}

func (c *Cluster) fail(where, format string, args ...any) {
	c.fails = append(c.fails, failure{where, c.stage.Now(), where + ": " + fmt.Sprintf(format, args...)})
}

func (c *Cluster) fatal(where, format string, args ...any) {
	c.fail(where, format, args...)
	c.stop()
}

// stop ends the function's goroutine, running what it has deferred.
func (c *Cluster) stop() {
	c.exit.stopped = true
	runtime.Goexit()
}

// must fails the test for a call that cannot be, unless the run is over.
func (c *Cluster) must(err error) {
	if err != nil && c.stage.Err() == nil {
		c.fatal(c.where(), "%v", err)
	}
	c.judge(err)
}

// judge ends the function because the run has ended: a judge has spoken.
func (c *Cluster) judge(err error) {
	if err != nil {
		c.stop()
	}
}

// locator finds the line of the test that called into this package: the innermost
// one in the directories of the test, so that assertion libraries are passed over.
func locator(dirs []string) func() string {
	self, _, _, _ := runtime.Caller(0)
	own := runtime.FuncForPC(self).Name() // trial/sim/simtest.locator
	own = strings.TrimSuffix(own, "locator")
	return func() string {
		pcs := make([]uintptr, 64)
		frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
		outer := ""
		for {
			f, more := frames.Next()
			at := fmt.Sprintf("%s:%d", path.Base(f.File), f.Line)
			switch {
			case strings.HasPrefix(f.Function, own) && !strings.HasSuffix(f.File, "_test.go"):
			case slices.Contains(dirs, path.Dir(f.File)):
				return at
			case outer == "":
				outer = at
			}
			if !more {
				return outer
			}
		}
	}
}
