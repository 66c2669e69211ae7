package host

import "trial/engine"

func (m *machine) Volumes() int { return m.disk.Volumes() }

func (m *machine) Disk(op *engine.DiskOp) {
	if m.exited {
		return
	}
	switch op.Kind {
	case engine.OpAppend, engine.OpWriteAt:
		m.edge.Budget.Appending(len(op.Data))
	case engine.OpTruncate:
		// A region that is being sent must not change under its announced length:
		// the connection ends first.
		m.edge.Truncating(op.File, op.Size)
	}
	op.Next = nil
	if m.last == nil {
		m.first = op
	} else {
		m.last.Next = op
	}
	m.last = op
}

// onDisk delivers a list of completions, each an event of its own.
func (m *machine) onDisk(first *engine.DiskOp) {
	for op := first; op != nil; {
		next := op.Next
		op.Next = nil
		if op.Kind == engine.OpAppend || op.Kind == engine.OpWriteAt {
			m.edge.Budget.Appending(-len(op.Data))
		}
		if op != first {
			m.begin()
		}
		op.Done(op)
		if !m.alive() {
			return
		}
		op = next
	}
}
