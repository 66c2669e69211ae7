// Package clock holds time as values: an Instant on a timeline and a Duration
// between two of them, both in nanoseconds and both plain integers.
//
// The package never asks what time it is. Package clock/virtual owns the
// simulated timeline, package clock/real the machine's clock.
//
// # Invariants
//
//   - arithmetic is integer only, so that every architecture agrees to the bit
//   - the zero Instant is the start of the timeline
//
// Not here: Kafka timestamps (milliseconds since 1970, data carried by
// records), timers (package engine).
package clock

import (
	"fmt"
	"strconv"
	"strings"
)

// Instant is a point on a timeline, in nanoseconds since its start.
type Instant int64

// Duration is a span of time in nanoseconds.
type Duration int64

// The units of Duration.
const (
	Nanosecond  Duration = 1
	Microsecond          = 1000 * Nanosecond
	Millisecond          = 1000 * Microsecond
	Second               = 1000 * Millisecond
	Minute               = 60 * Second
	Hour                 = 60 * Minute
)

// Never is an Instant later than every event of a run.
const Never Instant = 1<<63 - 1

// Add returns the instant d after i; it saturates at Never.
func (i Instant) Add(d Duration) Instant {
	if d > 0 && int64(i) > int64(Never)-int64(d) {
		return Never
	}
	return i + Instant(d)
}

// Sub returns the span from j to i.
func (i Instant) Sub(j Instant) Duration { return Duration(i - j) }

// Before reports whether i is earlier than j.
func (i Instant) Before(j Instant) bool { return i < j }

// Ms returns whole milliseconds since the start of the timeline.
func (i Instant) Ms() int64 { return int64(i) / int64(Millisecond) }

// String prints the instant as seconds, trimmed: 2.1s, 0s, 12.000345s.
func (i Instant) String() string { return Duration(i).String() }

// Ms makes a Duration of n milliseconds; it saturates instead of overflowing.
func Ms(n int64) Duration {
	if n > int64(1<<63-1)/int64(Millisecond) {
		return 1<<63 - 1
	}
	return Duration(n) * Millisecond
}

// Ms returns the span in whole milliseconds, rounded towards zero.
func (d Duration) Ms() int64 { return int64(d) / int64(Millisecond) }

// String prints the span in seconds without an exponent and without trailing
// zeros. Parse reads it back exactly.
func (d Duration) String() string {
	n, sign := int64(d), ""
	if n < 0 {
		n, sign = -n, "-"
	}
	if n < 0 { // the most negative value has no positive twin
		return "-9223372036.854775808s"
	}
	whole, frac := n/int64(Second), n%int64(Second)
	if frac == 0 {
		return sign + strconv.FormatInt(whole, 10) + "s"
	}
	return sign + strconv.FormatInt(whole, 10) + "." + strings.TrimRight(fmt.Sprintf("%09d", frac), "0") + "s"
}

var units = [...]struct {
	suffix string
	unit   Duration
}{
	{"ns", Nanosecond}, {"us", Microsecond}, {"µs", Microsecond}, {"ms", Millisecond},
	{"s", Second}, {"m", Minute}, {"h", Hour},
}

// Parse reads a span such as 250ms, 2.1s, 3m or 1h. One number and one unit;
// at most nine digits behind the point; no exponent.
func Parse(s string) (Duration, error) {
	bad := func(why string) (Duration, error) {
		return 0, fmt.Errorf("duration %q: %s; write a number and a unit, as in 250ms, 2.1s, 3m or 1h", s, why)
	}
	t, neg := strings.CutPrefix(s, "-")
	end := 0
	for end < len(t) && (t[end] == '.' || t[end] >= '0' && t[end] <= '9') {
		end++
	}
	num, suffix := t[:end], t[end:]
	var unit Duration
	for _, u := range units {
		if u.suffix == suffix {
			unit = u.unit
		}
	}
	if unit == 0 {
		return bad("unit " + strconv.Quote(suffix) + " is none of ns, us, ms, s, m, h")
	}
	whole, frac, dotted := strings.Cut(num, ".")
	if whole == "" || dotted && (frac == "" || len(frac) > 9 || strings.Contains(frac, ".")) {
		return bad("the number is malformed")
	}
	w, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || w > int64(Never)/int64(unit) {
		return bad("the number is out of range")
	}
	d := Duration(w) * unit
	if frac != "" {
		f, _ := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
		// f/1e9 of a unit, in integers: unit is at most an hour, so f*unit could
		// overflow only above 2^63 ns; split unit into seconds and the rest.
		if unit >= Second {
			d += Duration(f) * (unit / Second)
		} else {
			d += Duration(f) * unit / Second
		}
	}
	if neg {
		d = -d
	}
	return d, nil
}
