package client

import (
	"trial/clock"
	"trial/engine"
)

// backoff computes base·2^failures, at most max, with ±20% jitter
// (ExponentialBackoff, KIP-580). failures counts from 0.
func backoff(base, max clock.Duration, failures int, rng *engine.Stream) clock.Duration {
	if base <= 0 {
		return 0
	}
	d := base
	for i := 0; i < failures && d < max; i++ {
		d *= 2
	}
	if d > max {
		d = max
	}
	fifth := int64(d) / 5
	return clock.Duration(rng.Between(int64(d)-fifth, int64(d)+fifth))
}
