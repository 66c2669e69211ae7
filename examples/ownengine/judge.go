package ownengine

import (
	"slices"

	"trial/engine"
	"trial/sim/trialrun"
)

// Linear judges what clients saw: rule LIN, every key is a linearizable register.
// All values are different, so that no search is needed (Gibbons, Korach 1997):
// between the first time that somebody was done with a value and the last time
// that somebody began to get it, the value was there. Two values cannot be there
// at once, and no value can come and go while another one is there.
type Linear struct{ History *History }

// OnFact is of no interest: clients see no facts.
func (j *Linear) OnFact(trialrun.Fact, *trialrun.Findings) {}

// OnFault is of no interest: no fault excuses anything.
func (j *Linear) OnFault(trialrun.FaultEvent, *trialrun.Findings) {}

// End goes over the history.
func (j *Linear) End(_ trialrun.End, out *trialrun.Findings) {
	var keys []string
	for i := range j.History.Ops {
		if k := j.History.Ops[i].Key; !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		j.key(k, out)
	}
}

// zone is a value with its put and its gets.
type zone struct {
	value string
	put   *Op
	first *Op // that ended first
	last  *Op // that began last
}

// there reports whether the value must have been there all the time from
// first.Ended to last.Began. Otherwise it was there at some moment between
// last.Began and first.Ended.
func (z *zone) there() bool { return z.first.Ended < z.last.Began }

func (j *Linear) key(key string, out *trialrun.Findings) {
	nothing := &Op{Put: true, Key: key} // ended before anything began
	zones := []*zone{{put: nothing, first: nothing, last: nothing}}
	byValue := map[string]*zone{"": zones[0]}
	for i := range j.History.Ops {
		if o := &j.History.Ops[i]; o.Put && o.Key == key {
			z := &zone{value: o.Value, put: o, first: o, last: o}
			zones, byValue[o.Value] = append(zones, z), z
		}
	}
	for i := range j.History.Ops {
		o := &j.History.Ops[i]
		if o.Put || o.Key != key || o.Void {
			continue
		}
		z := byValue[o.Value]
		out.HoldAt("LIN", o.EndedAt, z != nil && z.put.Began < o.Ended, "%s: %v: nobody had put that", key, o)
		if z == nil || z.put.Began > o.Ended {
			return
		}
		if o.Ended < z.first.Ended {
			z.first = o
		}
		if o.Began > z.last.Began {
			z.last = o
		}
	}
	j.zones(key, zones, out)
}

// zones looks for two values at once.
func (j *Linear) zones(key string, zones []*zone, out *trialrun.Findings) {
	zones = slices.DeleteFunc(zones, func(z *zone) bool { return z.first.Ended == never }) // may never have happened
	var long []*zone
	for _, z := range zones {
		if z.there() {
			long = append(long, z)
		}
	}
	slices.SortStableFunc(long, func(a, b *zone) int { return int(a.first.Ended - b.first.Ended) })
	for i, z := range long[:max(0, len(long)-1)] {
		w := long[i+1]
		out.HoldAt("LIN", z.last.EndedAt, z.last.Began < w.first.Ended, "%s: %v, then %v, and then %v: a value was replaced and came back",
			key, z.first, w.first, z.last)
	}
	for _, z := range zones {
		if z.there() {
			continue
		}
		// The long zone that began last before z: the only one that may contain it.
		i, _ := slices.BinarySearchFunc(long, z, func(l, z *zone) int { return int(l.first.Ended - z.last.Began) })
		if i == 0 {
			continue
		}
		l := long[i-1]
		out.HoldAt("LIN", l.last.EndedAt, l.last.Began < z.first.Ended, "%s: %v, later %v, and yet, later still, %v: what was put between is lost",
			key, l.first, z.first, l.last)
	}
}

// Promises judges what servers say of themselves: rule KEPT, what a server has
// promised to keep it has, after whatever crash.
type Promises struct {
	promised map[promise]trialrun.Fact
}

type promise struct {
	node engine.NodeID
	key  string
}

// OnFact compares what was recovered with what was promised.
func (j *Promises) OnFact(f trialrun.Fact, out *trialrun.Findings) {
	k, ok := f.Fact.(Kept)
	if !ok {
		return
	}
	if j.promised == nil {
		j.promised = map[promise]trialrun.Fact{}
	}
	p := promise{f.Node, k.Key}
	before, any := j.promised[p]
	if !any || before.Fact.(Kept).Tag.Less(k.Tag) {
		j.promised[p] = f
	}
	if any && k.Recovered {
		was := before.Fact.(Kept).Tag
		out.Hold("KEPT", !k.Tag.Less(was), "%s promised at %v to keep version %d of %s, and has recovered version %d",
			trialrun.Name(f.Node), before.At, was.Number, k.Key, k.Tag.Number)
	}
}

// OnFault is of no interest.
func (j *Promises) OnFault(trialrun.FaultEvent, *trialrun.Findings) {}

// End has nothing to add.
func (j *Promises) End(trialrun.End, *trialrun.Findings) {}
