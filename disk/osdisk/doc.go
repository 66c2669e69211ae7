// Package osdisk performs the operations of engine.DiskOp on directories of the
// machine: a volume is a directory, an operation is one or a few system calls
// on a worker goroutine, a completion is handed back in a list.
//
// # Invariants
//
//   - operations on one file are executed by one worker at a time, in the order in
//     which they were submitted, and their completions are reported in that order;
//     reads run beside them
//   - operations on the names of one volume likewise
//   - consecutive appends of one file that have queued up become one write,
//     consecutive syncs one sync
//   - no path leaves the directory of its volume, not even through a symbolic link
//   - one process holds a volume at a time
//   - after Kill no completion is reported
//
// Two handles on one file share one queue and one end, so that appends through
// either are ordered.
//
// Not here: what a program does about an error, retries (there are none).
package osdisk
