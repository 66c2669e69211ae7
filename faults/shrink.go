package faults

import (
	"slices"

	"trial/clock"
)

// Shrink looks for a smaller schedule that still fails: first fewer faults (delta
// debugging, Zeller and Hildebrandt 2002), then tamer ones. fails runs a candidate
// and reports whether the same rule still fires; it is called at most budget times.
// The result fails if s does; it is s itself when nothing smaller was found.
func Shrink(s Schedule, budget int, fails func(Schedule) bool) (Schedule, int) {
	sh := &shrinker{fails: fails, left: budget}
	s = sh.fewer(s)
	for sh.left > 0 {
		tamer := sh.tamer(s)
		tamer = sh.fewer(tamer)
		if len(tamer) == len(s) && tamer.String() == s.String() {
			break
		}
		s = tamer
	}
	return s, budget - sh.left
}

// SimplerAnchors looks for simpler anchors only, with which the schedule still
// fails: no earliest instant, fewer steps, smaller counts and spans. It calls fails
// at most budget times, as Shrink does.
func SimplerAnchors(s Schedule, budget int, fails func(Schedule) bool) (Schedule, int) {
	sh := &shrinker{fails: fails, left: budget}
	for i := range s {
		for again := true; again; {
			again = false
			for _, cand := range simpler(s[i]) {
				next := slices.Clone(s)
				next[i] = cand
				if sh.try(next) {
					s, again = next, true
					break
				}
			}
		}
	}
	return s, budget - sh.left
}

type shrinker struct {
	fails func(Schedule) bool
	left  int
}

func (sh *shrinker) try(s Schedule) bool {
	if sh.left == 0 {
		return false
	}
	sh.left--
	return sh.fails(s)
}

// fewer removes chunks, halving their size down to single faults.
func (sh *shrinker) fewer(s Schedule) Schedule {
	if len(s) > 0 && sh.try(nil) {
		return nil
	}
	for size := (len(s) + 1) / 2; size > 0 && len(s) > 0; {
		removed := false
		for i := 0; i < len(s); {
			end := min(i+size, len(s))
			cand := slices.Concat(s[:i], s[end:])
			if len(cand) < len(s) && len(cand) > 0 && sh.try(cand) {
				s, removed = cand, true
				continue
			}
			i = end
		}
		if removed && size > 1 {
			size = min(size, (len(s)+1)/2)
			continue
		}
		if removed {
			continue
		}
		size /= 2
	}
	return s
}

// tamer simplifies one fault at a time: a milder action, fewer targets, a shorter
// span, an earlier round instant.
func (sh *shrinker) tamer(s Schedule) Schedule {
	s = slices.Clone(s)
	for i := range s {
		for _, cand := range milder(s[i]) {
			next := slices.Clone(s)
			next[i] = cand
			if sh.try(next.Sorted()) {
				s = next
			}
			if sh.left == 0 {
				return s.Sorted()
			}
		}
	}
	return s.Sorted()
}

func milder(f Fault) []Fault {
	var out []Fault
	add := func(change func(*Fault)) {
		g := f
		g.Left, g.Right, g.Steps = slices.Clone(f.Left), slices.Clone(f.Right), slices.Clone(f.Steps)
		change(&g)
		out = append(out, g)
	}
	switch f.Action {
	case Lose:
		add(func(g *Fault) { g.Action = Power })
	case Replace:
		add(func(g *Fault) { g.Action = Stop })
	}
	if f.Action == Power {
		add(func(g *Fault) { g.Action = Kill })
	}
	if len(f.Left) > 1 {
		for i := range f.Left {
			add(func(g *Fault) { g.Left = slices.Delete(g.Left, i, i+1) })
		}
	}
	for _, unit := range []clock.Duration{clock.Second, 100 * clock.Millisecond} {
		if f.For > unit {
			add(func(g *Fault) { g.For = g.For / 2 / unit * unit; g.For = max(g.For, unit) })
		}
		if r := clock.Instant(int64(f.At) / int64(unit) * int64(unit)); r != f.At {
			add(func(g *Fault) { g.At = r })
		}
	}
	return out
}

// few is the largest count that is lowered one by one.
const few = 8

// simpler simplifies an anchor: no earliest instant, a step less, smaller counts
// and spans.
func simpler(f Fault) []Fault {
	if !f.Anchored() {
		return nil
	}
	var out []Fault
	add := func(change func(*Fault)) {
		g := f
		g.Steps = slices.Clone(f.Steps)
		if change(&g); g.Steps[0].Later == 0 {
			out = append(out, g)
		}
	}
	if f.At != 0 {
		add(func(g *Fault) { g.At = 0 })
	}
	if f.Before.What != "" {
		add(func(g *Fault) { g.Before = Event{} })
	}
	for i, s := range f.Steps {
		if len(f.Steps) > 1 {
			add(func(g *Fault) { g.Steps = slices.Delete(g.Steps, i, i+1) })
		}
		for _, n := range []int64{1, s.Count / 2, s.Count / 4 * 3, s.Count - 1} {
			if n > 0 && n < s.Count && (n < s.Count-1 || s.Count <= few) {
				add(func(g *Fault) { g.Steps[i].Count = n })
			}
		}
		for _, unit := range []clock.Duration{clock.Second, 100 * clock.Millisecond, clock.Millisecond} {
			if d := s.Later / 2 / unit * unit; d > 0 {
				add(func(g *Fault) { g.Steps[i].Later = d })
			}
		}
	}
	return out
}
