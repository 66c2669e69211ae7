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
	MaxOps int   // per window; 0 is 1000 (the search clones n bits per step)
	Budget int64 // model steps per window; 0 is twice the square of its operations
	Every  int   // judge every n-th window; 0 is all
}

// Opinion says how the search went.
type Opinion struct {
	Findings checks.Findings
	Windows  int64
	Skipped  int64 // windows not sampled
	Ops      int64
	Steps    int64
	// Exhausted counts windows over their step budget, and places with more than
	// MaxOps operations: no verdict, never a pass.
	Exhausted int64
}

// Search runs model P1 (partition log) under porcupine on every partition whose
// final dump is known. Run it after the trace hash is sealed: porcupine has
// goroutines of its own. It gets no timeout; its work is bounded by counting the
// steps of the model.
func Search(in Input, o Options) *Opinion {
	if o.MaxOps == 0 {
		o.MaxOps = 1000
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
	kind stepKind
	// produce: its place in the lineage; latest: the answer; deliver: the place of
	// the record; carry: the records before the window.
	index int64
}

type stepKind uint8

// In the order in which operations of one index take effect.
const (
	carry stepKind = iota
	latest
	produce
	deliver
)

type window struct {
	start int64 // records of the lineage before it
	ops   []porcupine.Operation
}

// cut divides a partition's operations into windows of the lineage, each with the
// operations that have their place in it. What came before is carried as the
// state and as one operation that must take effect first and was not invoked
// before the latest invocation among all of it: so nothing is lost by cutting,
// and no moment without an open operation is needed. ops is nil where one place
// alone has too many operations.
func cut(ops []porcupine.Operation, maxOps int) []window {
	slices.SortStableFunc(ops, func(a, b porcupine.Operation) int {
		x, y := a.Input.(step), b.Input.(step)
		return cmp.Or(cmp.Compare(x.index, y.index), cmp.Compare(x.kind, y.kind), cmp.Compare(a.Call, b.Call))
	})
	var list []window
	invoked, produced := int64(-1), int64(0)
	for len(ops) > 0 {
		n := cutAt(ops, maxOps-1)
		w := window{start: produced}
		if n < maxOps {
			w.ops = append(w.ops, porcupine.Operation{Input: step{carry, w.start}, Call: invoked, Return: inf})
			w.ops = append(w.ops, ops[:n]...)
			inOrder(w.ops)
		}
		list = append(list, w)
		for i := range n {
			s := ops[i].Input.(step)
			if s.kind == produce {
				produced++
			}
			if s.kind != deliver { // a delivery comes at any time after its record
				invoked = max(invoked, ops[i].Call)
			}
		}
		ops = ops[n:]
	}
	return list
}

// inOrder raises invocations to those of what must take effect before, as far as
// the operation's completion allows: places are known, so the search need not try
// a later one first. Ties of time are broken by place.
func inOrder(ops []porcupine.Operation) {
	late := int64(-1)
	width := int64(len(ops) + 1)
	for i := range ops {
		o := &ops[i]
		if o.Input.(step).kind != deliver {
			if late = max(late, o.Call); late <= o.Return {
				o.Call = late
			}
		}
		o.Call = o.Call*width + int64(i)
		if o.Return != inf {
			o.Return = o.Return*width + width - 1
		}
	}
	slices.SortStableFunc(ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
}

// event is the history event of an operation's raised invocation.
func (w *window) event(o *porcupine.Operation) int64 { return o.Call / int64(len(w.ops)+1) }

// cutAt is the end of a window of at most limit operations, at a change of index;
// beyond the limit if the first index alone has more.
func cutAt(ops []porcupine.Operation, limit int) int {
	n := 0
	for n < len(ops) {
		k := n + 1
		for k < len(ops) && ops[k].Input.(step).index == ops[n].Input.(step).index {
			k++
		}
		if k > limit && n > 0 {
			break
		}
		n = k
	}
	return n
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
			// A second copy of a record has no number of its own.
			if v.pos < int64(len(p.lineage)) && p.lineage[v.pos] == v.send && m.sends[v.send].pos == v.pos {
				others = append(others, porcupine.Operation{Input: step{deliver, d.of(v.pos)}, Call: v.seq, Return: v.seq})
			}
		}
	}
	return append(m.produces(d, others), others...)
}

// produces lists the sends. One that nothing binds completes at the latest when
// something placed behind it did: this follows from the order, and it keeps the
// search from carrying it along for ever.
func (m *model) produces(d dense, others []porcupine.Operation) []porcupine.Operation {
	bound := make([]int64, len(d.order)+1) // earliest completion of anything that needs so many records
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
	ops := make([]porcupine.Operation, len(d.order))
	for i := len(ops) - 1; i >= 0; i-- {
		s := &m.sends[d.order[i]]
		comp := s.compByList
		if comp == inf && bound[i+1] > s.inv {
			comp = bound[i+1]
		}
		bound[i] = min(bound[i], bound[i+1], s.compByList)
		ops[i] = porcupine.Operation{Input: step{produce, int64(i)}, Call: s.inv, Return: comp}
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

// before is the state until what came before the window has been carried in.
const before = int64(-2)

// search asks porcupine about one window.
func (m *model) search(p *part, w window, o Options, op *Opinion, rule *checks.Rule) {
	budget := o.Budget
	if budget == 0 {
		// Every step looks past the operations that are open at that moment, so a
		// search that never turns back costs up to n*n steps.
		budget = 2 * int64(len(w.ops)+64) * int64(len(w.ops)+64)
	}
	steps := int64(0)
	reached := w.start
	ok := porcupine.CheckOperations(porcupine.Model{
		Init: func() any { return before },
		Step: func(state, input, _ any) (bool, any) {
			n, s := state.(int64), input.(step)
			if steps++; n == accepting || steps > budget {
				return true, accepting
			}
			reached = max(reached, n)
			switch s.kind {
			case carry:
				return n == before, s.index
			case produce:
				return s.index == n, n + 1
			case latest:
				return s.index == n, n
			default:
				return n != before && s.index < n, n
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
		first := int64(inf)
		for _, o := range w.ops {
			if o.Input.(step).kind != carry {
				first = min(first, w.event(&o))
			}
		}
		rule.FailWith(first, m.events[first].At, []string{m.in.Name(p.key)}, []string{m.event(first)},
			"no order of the %d operations of %s from event %d on agrees with real time: the search got no further than %d records of the final log",
			len(w.ops)-1, m.in.Name(p.key), first, max(reached, w.start))
	}
}

// String is the opinion in one line.
func (o *Opinion) String() string {
	return fmt.Sprintf("%d windows, %d operations, %d steps, %d exhausted, %d not sampled", o.Windows, o.Ops, o.Steps, o.Exhausted, o.Skipped)
}
