package real

import (
	"testing"
	"time"

	"trial/clock"
)

func TestNowMovesOnlyForward(t *testing.T) {
	c := New()
	last := c.Now()
	for range 10_000 {
		now := c.Now()
		if now < last {
			t.Fatalf("clock went back from %v to %v", last, now)
		}
		last = now
	}
}

func TestNowKeepsStepWithTheMachine(t *testing.T) {
	c := New()
	time.Sleep(20 * time.Millisecond)
	if got := c.Now().Sub(0); got < 20*clock.Millisecond {
		t.Errorf("after a sleep of 20ms the clock shows %v", got)
	}
	if d := c.WallMs() - time.Now().UnixMilli(); d < -1000 || d > 1000 {
		t.Errorf("wall clock differs by %d ms from the machine's", d)
	}
}
