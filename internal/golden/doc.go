// Package golden runs stories that are text: a file says what happens, command by
// command, and what must be seen then. It reads as documentation and is a test.
//
//	# Story: what must be seen here, and why it matters.
//
//	produce p1 t-0 acks=all a b
//	----
//	n1 append t-0 [0,2) epoch=0
//
//	# A remark on what follows. Several commands may share one answer.
//	cut n3 | n1 n2
//	run 5s
//	----
//
// A file begins with its story. An answer ends at an empty line. What happened is
// shown since the previous answer, and nothing else.
//
// With UPDATE_GOLDEN=1 in the environment the files are rewritten to what happens
// now. Commit the difference only if you can explain every line of it.
//
// # Invariants
//
//   - a file that is rewritten keeps its story, its remarks and its commands
//   - a file whose answers hold is never written
//   - every complaint names file and line
//
// Not here: any command. Whoever has a world brings the commands.
package golden
