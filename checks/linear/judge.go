package linear

import (
	"fmt"

	"trial/checks"
	"trial/checks/partlog"
)

// Judge runs the linear-time check over all partitions. Rule LIN: every pair of
// operations whose real-time order contradicts their offsets is a violation.
func Judge(in Input) *checks.Findings {
	f := &checks.Findings{}
	rule := f.Rule("LIN")
	m := read(in)
	for i := range m.parts {
		m.judge(&m.parts[i], rule)
	}
	return f
}

func (m *model) judge(p *part, rule *checks.Rule) {
	size := int64(0)
	for _, n := range p.sends {
		size = max(size, m.sends[n].pos+1)
	}
	for _, l := range p.lists {
		size = max(size, l.value+1)
	}
	for _, d := range p.deliveries {
		size = max(size, d.pos+1)
	}
	if size > int64(len(m.events))*16+1<<20 {
		return // an absurd offset: partlog says so
	}
	appends, lists := m.sort(p, size)
	m.scan(p, appends, lists, rule)
	for _, d := range p.deliveries {
		rule.Evaluated++
		if s := &m.sends[d.send]; d.seq < s.inv {
			rule.FailWith(d.seq, m.events[d.seq].At, m.object(p, d.pos), []string{m.event(d.seq), m.event(s.inv)},
				"the record at %s@%d was delivered before it was sent", m.in.Name(p.key), d.pos)
		}
	}
}

// place of appends or lists: the operations at one position.
type place struct {
	inv    int64 // latest invocation; -1 if none
	comp   int64 // earliest completion that binds; inf if none
	byList int64 // the same as far as offset queries are concerned
}

func (m *model) sort(p *part, size int64) (appends, lists []place) {
	appends, lists = make([]place, size), make([]place, size)
	for i := range appends {
		appends[i] = place{-1, inf, inf}
		lists[i] = appends[i]
	}
	for _, n := range p.sends {
		s := &m.sends[n]
		if s.pos < 0 {
			continue
		}
		a := &appends[s.pos]
		a.inv = max(a.inv, s.inv)
		a.comp = min(a.comp, s.comp)
		a.byList = min(a.byList, s.compByList)
	}
	for _, d := range p.deliveries {
		if d.pos < int64(len(p.lineage)) && p.lineage[d.pos] == d.send {
			a := &appends[d.pos] // it was in the log by then, and so was all below it
			a.comp = min(a.comp, d.seq)
		}
	}
	for _, l := range p.lists {
		a := &lists[l.value]
		a.inv = max(a.inv, l.inv)
		a.comp = min(a.comp, l.comp)
	}
	return appends, lists
}

func (m *model) scan(p *part, appends, lists []place, rule *checks.Rule) {
	lateAppend, lateList := int64(-1), int64(-1)
	fail := func(comp, inv, pos int64) {
		rule.FailWith(comp, m.events[comp].At, m.object(p, pos), []string{m.event(comp), m.event(inv)},
			"not linearizable: an operation at position %d of %s completed (event %d) before an operation at a lower position began (event %d)",
			pos, m.in.Name(p.key), comp, inv)
	}
	for o := range appends {
		l, a := &lists[o], &appends[o]
		if l.inv >= 0 {
			rule.Evaluated++
			if late := max(lateAppend, lateList); l.comp <= late {
				fail(l.comp, late, int64(o))
			}
			lateList = max(lateList, l.inv)
		}
		if a.inv < 0 {
			continue
		}
		rule.Evaluated++
		switch {
		case a.comp <= lateAppend:
			fail(a.comp, lateAppend, int64(o))
		case a.byList <= lateList:
			fail(a.byList, lateList, int64(o))
		}
		lateAppend = max(lateAppend, a.inv)
	}
}

func (m *model) object(p *part, o int64) []string {
	return []string{fmt.Sprintf("%s@%d", m.in.Name(p.key), o)}
}

func (m *model) event(seq int64) string { return partlog.Describe(&m.events[seq]) }
