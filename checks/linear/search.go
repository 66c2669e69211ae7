package linear

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"

	"trial/checks"
)

// Options bound the second opinion.
type Options struct {
	MaxOps int   // per window; 0 is 5000
	Budget int64 // model steps per window; 0 is 200 per operation
	Every  int   // judge every n-th window; 0 is all
}

// Opinion says how the search went.
type Opinion struct {
	Findings checks.Findings
	Windows  int64
	Skipped  int64 // windows not sampled
	Ops      int64
	Steps    int64
	// Exhausted counts windows over their step budget and stretches without a
	// quiescent point within MaxOps: no verdict, never a pass.
	Exhausted int64
}

// Search runs model P1 (partition log) under porcupine on every partition whose
// final dump is known. Run it after the trace hash is sealed: porcupine has
// goroutines of its own. It gets no timeout; its work is bounded by counting the
// steps of the model.
func Search(in Input, o Options) *Opinion {
	if o.MaxOps == 0 {
		o.MaxOps = 5000
	}
	op := &Opinion{}
	rule := op.Findings.Rule("P1")
	m := read(in)
	windows := 0
	for i := range m.parts {
		p := &m.parts[i]
		if !p.dumped {
			continue
		}
		// Who served a delivery is unknown, so deliveries and offset queries are not
		// ordered against each other: two searches, one without the one kind each.
		list := append(cut(m.operations(p, true), o.MaxOps), cut(m.operations(p, false), o.MaxOps)...)
		for _, w := range list {
			windows++
			switch {
			case w.ops == nil:
				op.Exhausted++
			case o.Every > 1 && windows%o.Every != 0:
				op.Skipped++
			default:
				m.search(p, w, o, op, rule)
			}
		}
	}
	return op
}

// step is one operation of the model, with data records counted densely.
type step struct {
	kind  stepKind
	index int64 // produce: its place in the lineage; list: the answer; deliver: the place of the record
}

type stepKind uint8

const (
	produce stepKind = iota
	latest
	deliver
)

type window struct {
	start int64 // records linearized before it
	ops   []porcupine.Operation
}

// cut divides a partition's operations at quiescent points: events at which no
// operation is open. ops is nil where no such point came in time.
func cut(ops []porcupine.Operation, maxOps int) []window {
	var list []window
	cur := window{}
	horizon, tooLong := int64(-1), false
	produced := int64(0)
	for _, o := range ops {
		if o.Call > horizon && len(cur.ops) >= maxOps/2 || o.Call > horizon && tooLong {
			if tooLong {
				cur.ops = nil
			}
			list = append(list, cur)
			cur, tooLong = window{start: produced}, false
		}
		if len(cur.ops) < maxOps {
			cur.ops = append(cur.ops, o)
		} else {
			tooLong = true
		}
		horizon = max(horizon, o.Return)
		if o.Input.(step).kind == produce {
			produced++
		}
	}
	if tooLong {
		cur.ops = nil
	}
	if len(cur.ops) > 0 || tooLong {
		list = append(list, cur)
	}
	return list
}

// operations lists the partition's operations by invocation: all sends in the
// lineage, with the offset queries or with the deliveries.
func (m *model) operations(p *part, queries bool) []porcupine.Operation {
	d := newDense(m, p)
	var others []porcupine.Operation
	if queries {
		for _, l := range p.lists {
			others = append(others, porcupine.Operation{Input: step{latest, d.of(l.value)}, Call: l.inv, Return: l.comp})
		}
	} else {
		for _, v := range p.deliveries {
			if v.pos < int64(len(p.lineage)) && p.lineage[v.pos] == v.send {
				at := d.of(v.pos)
				if m.sends[v.send].pos != v.pos {
					at-- // a second copy has no number; what lies before it must be there
				}
				others = append(others, porcupine.Operation{Input: step{deliver, at}, Call: v.seq, Return: v.seq})
			}
		}
	}
	ops := append(m.produces(d, others), others...)
	slices.SortFunc(ops, func(a, b porcupine.Operation) int {
		return cmp.Or(cmp.Compare(a.Call, b.Call), cmp.Compare(a.Return, b.Return))
	})
	return ops
}

// produces lists the sends. One that nothing binds completes at the latest when
// something placed behind it did: this follows from the order, and it makes
// quiescent points.
func (m *model) produces(d dense, others []porcupine.Operation) []porcupine.Operation {
	bound := make([]int64, len(d.order)+1) // earliest completion of anything behind place i-1
	for i := range bound {
		bound[i] = inf
	}
	for i := range others {
		s := others[i].Input.(step)
		at := s.index
		if s.kind == deliver {
			at++ // the record itself is in the log by then
		}
		at = min(at, int64(len(d.order)))
		bound[at] = min(bound[at], others[i].Return)
	}
	var ops []porcupine.Operation
	for i := len(d.order) - 1; i >= 0; i-- {
		s := &m.sends[d.order[i]]
		comp := s.compByList
		if comp == inf && bound[i+1] > s.inv {
			comp = bound[i+1]
		}
		bound[i] = min(bound[i], bound[i+1], s.compByList)
		ops = append(ops, porcupine.Operation{Input: step{produce, int64(i)}, Call: s.inv, Return: comp})
	}
	return ops
}

// dense numbers the data records of a lineage.
type dense struct {
	below []int64 // records below the offset
	order []int32 // sends by number
}

func newDense(m *model, p *part) dense {
	d := dense{below: make([]int64, len(p.lineage)+1)}
	for o, s := range p.lineage {
		d.below[o+1] = d.below[o]
		if s != 0 && m.sends[s].pos == int64(o) {
			d.below[o+1]++
			d.order = append(d.order, s)
		}
	}
	return d
}

// of is the number of the record at an offset. An offset beyond the lineage, or
// at a second copy of a record, gets the number of what comes next.
func (d dense) of(o int64) int64 {
	n := int64(len(d.below) - 1)
	if o <= n {
		return d.below[o]
	}
	return d.below[n] + o - n
}

// accepting is the state that a search over its budget falls into.
const accepting = int64(-1)

// search asks porcupine about one window.
func (m *model) search(p *part, w window, o Options, op *Opinion, rule *checks.Rule) {
	budget := o.Budget
	if budget == 0 {
		budget = 200 * int64(len(w.ops)+1)
	}
	steps := int64(0)
	reached := w.start
	ok := porcupine.CheckOperations(porcupine.Model{
		Init: func() any { return w.start },
		Step: func(state, input, _ any) (bool, any) {
			n, s := state.(int64), input.(step)
			if steps++; n == accepting || steps > budget {
				return true, accepting
			}
			reached = max(reached, n)
			switch s.kind {
			case produce:
				return s.index == n, n + 1
			case latest:
				return s.index == n, n
			default:
				return s.index < n, n
			}
		},
		Equal: func(a, b any) bool { return a == b },
		Hash:  func(s any) uint64 { return uint64(s.(int64)) * 0x9e3779b97f4a7c15 },
	}, w.ops)
	op.Windows++
	op.Ops += int64(len(w.ops))
	op.Steps += steps
	if steps > budget {
		op.Exhausted++
		return
	}
	rule.Evaluated++
	if !ok {
		first := w.ops[0].Call
		rule.FailWith(first, m.events[first].At, []string{m.in.Name(p.key)}, []string{m.event(first)},
			"no order of the %d operations of %s from event %d on agrees with real time: the search got no further than %d records of the final log",
			len(w.ops), m.in.Name(p.key), first, reached)
	}
}

// String is the opinion in one line.
func (o *Opinion) String() string {
	return fmt.Sprintf("%d windows, %d operations, %d steps, %d exhausted, %d not sampled", o.Windows, o.Ops, o.Steps, o.Exhausted, o.Skipped)
}
