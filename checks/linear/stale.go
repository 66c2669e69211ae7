package linear

import "trial/checks/history"

// dropStale leaves out the answers that real time and leader epochs prove to be
// of a deposed leader, those whose epoch nobody knows, and those of ended eras.
//
// An answer of epoch e is stale if, before it was asked for, an acknowledgement,
// a delivery or another answer of a later epoch had been seen.
func (m *model) dropStale() {
	any := false
	for i := range m.parts {
		any = any || len(m.parts[i].lists) > 0
	}
	if !any {
		return
	}
	highest := make([]int32, len(m.parts))
	for i := range highest {
		highest[i] = -1
	}
	at := map[int64]int32{}     // event of the invocation -> highest epoch seen before it
	asked := map[int64]int32{}  // event of the invocation, event of the answer -> partition
	answer := map[int64]int32{} // event of the answer -> its epoch
	for i := range m.parts {
		for _, l := range m.parts[i].lists {
			at[l.inv], answer[l.comp] = -1, l.epoch
			asked[l.inv], asked[l.comp] = int32(i), int32(i)
		}
	}
	for i := range m.events {
		m.evidence(&m.events[i], highest, at, asked, answer)
	}
	for i := range m.parts {
		p := &m.parts[i]
		single := p.singleEpoch()
		kept := p.lists[:0]
		for _, l := range p.lists {
			if l.epoch < 0 && !single || l.epoch >= 0 && l.epoch < at[l.inv] || p.endedBy(l) {
				m.stale++
				continue
			}
			kept = append(kept, l)
		}
		p.lists = kept
	}
}

func (m *model) evidence(e *history.Event, highest []int32, at, asked, answer map[int64]int32) {
	switch e.Kind {
	case history.SendDone:
		if e.Op < 0 || e.Op >= int64(len(m.opOf)) {
			return
		}
		if s := &m.sends[m.opOf[e.Op]]; s.compByList == e.Seq {
			highest[s.part] = max(highest[s.part], m.parts[s.part].epochAt(s.pos))
		}
	case history.Delivered:
		// A partition that shows up only now has no answers to compare.
		if i := m.part(e.Topic, e.Partition); int(i) < len(highest) {
			highest[i] = max(highest[i], e.LeaderEpoch)
		}
	case history.ListInvoked:
		if i, known := asked[e.Seq]; known {
			at[e.Seq] = highest[i]
		}
	case history.ListDone:
		if epoch, found := answer[e.Seq]; found {
			i := asked[e.Seq]
			highest[i] = max(highest[i], epoch)
		}
	}
}

func (p *part) epochAt(o int64) int32 {
	if o < 0 || o >= int64(len(p.epochs)) {
		return -1
	}
	return p.epochs[o]
}

// singleEpoch reports whether everything that is known of the partition happened
// in one leader epoch, so that an answer without epoch is comparable too.
func (p *part) singleEpoch() bool {
	first := int32(-1)
	for _, e := range p.epochs {
		if e >= 0 && first >= 0 && e != first {
			return false
		}
		first = max(first, e)
	}
	for _, l := range p.lists {
		if l.epoch >= 0 && first >= 0 && l.epoch != first {
			return false
		}
		first = max(first, l.epoch)
	}
	return p.dumped
}

// endedBy reports whether an answer speaks of an era that has ended, or of a log
// that a later unclean election replaced by an older one.
func (p *part) endedBy(l list) bool {
	for i := range p.ends {
		if c := &p.ends[i]; l.value > c.Offset && l.epoch < c.Epoch || c.Interim(l.epoch) {
			return true
		}
	}
	return false
}
