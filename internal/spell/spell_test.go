package spell

import "testing"

func TestDistanceCountsTheFewestChanges(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"acks", "acks", 0}, {"acks", "ack", 1}, {"acks", "asks", 1}, {"acks", "akcs", 2}, {"kitten", "sitting", 3}} {
		if x, y := Distance(c.a, c.b), Distance(c.b, c.a); x != c.want || y != c.want {
			t.Errorf("%q and %q: %d and %d, want %d", c.a, c.b, x, y, c.want)
		}
	}
}
