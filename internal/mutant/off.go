//go:build !mutants

package mutant

// Enabled reports whether this binary carries the planted bugs.
const Enabled = false
