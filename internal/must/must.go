// Package must stops a run on a broken invariant.
//
// An operating error (a full disk, a refused connection) is a value; a high
// watermark above the log end is a bug, and going on would only move the
// failure away from its cause. The simulator turns a Violation into the verdict
// fail with rule ASSERT; the real host stops that one node.
//
// # Invariants
//
//   - a Violation is raised by panic and is never recovered inside an engine
//
// Not here: errors that a correct engine can meet.
package must

import "fmt"

// Violation is what Hold and Fail panic with.
type Violation struct{ Reason string }

func (v Violation) Error() string { return "broken invariant: " + v.Reason }

// Hold panics with a Violation unless ok. The arguments are formatted only then.
func Hold(ok bool, format string, args ...any) {
	if !ok {
		panic(Violation{fmt.Sprintf(format, args...)})
	}
}

// Fail panics with a Violation.
func Fail(format string, args ...any) { panic(Violation{fmt.Sprintf(format, args...)}) }
