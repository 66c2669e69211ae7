// Package real is the machine's clock behind the values of package clock.
//
// # Invariants
//
//   - Now never goes back and is not moved by changes of the wall clock
//   - WallMs may jump: it is data for record timestamps, never a base for timers
//
// Not here: timers (package host), simulated time (package clock/virtual).
package real

import (
	"time"

	"trial/clock"
)

// Clock counts from the moment it was made. It is safe for concurrent use.
type Clock struct{ start time.Time }

// New starts a clock at the zero Instant.
func New() *Clock { return &Clock{start: time.Now()} }

// Now is the time since New on the monotonic clock of the machine.
func (c *Clock) Now() clock.Instant { return clock.Instant(time.Since(c.start)) }

// WallMs is the machine's wall clock in milliseconds since 1970.
func (c *Clock) WallMs() int64 { return time.Now().UnixMilli() }
