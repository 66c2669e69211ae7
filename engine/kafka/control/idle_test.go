package control

import (
	"testing"

	"trial/clock"
)

// An idle cluster must cost little: a NoOp twice a second, fetches that wait, a
// heartbeat every two seconds. This is the bound of events per node and second.
func TestAnIdleClusterIsQuiet(t *testing.T) {
	w := newWorld(t, 1, 3, 3, true).start()
	w.ready(clock.Second)
	w.Run(5 * clock.Second)
	before := w.Events
	w.Run(20 * clock.Second)
	if perNode := (w.Events - before) / 60; perNode > 60 {
		t.Errorf("%d events per node and second", perNode)
	} else {
		t.Logf("%d events per node and second", perNode)
	}
}
