package simnet

import "testing"

func TestDelayedLinkDoesNotMultiplyItsHiccups(t *testing.T) {
	l := newLab(t, func(c *Climate, _ *Limits, _ []Spec) { c.Jitter = 0 })
	a, _ := l.open()
	c := l.net.links[0][1].climate
	c.Rare, c.Slow = 10_000, 20*ms
	l.net.SetClimate(0, 1, c)
	l.net.Delay(0, 1, 300*ms)
	l.send(a, "x")
	l.run(10*ms + 300*ms)
	l.b.want()
	l.run(10*ms + 321*ms)
	l.b.want("x")
}
