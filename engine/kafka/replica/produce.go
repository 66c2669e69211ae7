package replica

import (
	"trial/engine/kafka/plog"
	"trial/engine/kafka/view"
	"trial/internal/mutant"
	"trial/internal/record"
)

// The values of acks.
const (
	acksNone   int16 = 0
	acksLeader int16 = 1
	acksAll    int16 = -1
)

// Produce appends the batches of one partition of a produce request. Data must
// stay untouched until w.Written.
func (p *Partition) Produce(w *ProduceWaiter, data []byte, acks int16) {
	w.p, w.acks, w.state = p, acks, waiterIdle
	w.Code, w.ErrMsg, w.Base, w.AppendTimeMs = 0, "", -1, -1
	w.batch = view.Batch{Base: -1, Last: -1}
	if code := p.admit(acks); code != 0 {
		if mutant.Enabled && p.mutant == mutant.IDM04 && code == codeTooFew {
			p.h.Probe("mutant.reached")
			p.h.Probe("mutant.infected")
			p.log.NoteProducer(data)
		}
		p.refuse(w, code)
		return
	}
	w.op.Data, w.op.Origin, w.op.Tag, w.op.Look = data, plog.OriginClient, w, w.Look
	w.op.Done = onAppended
	res, code := p.log.AppendLeader(&w.op, p.leaderEpoch)
	switch {
	case code != 0:
		p.refuse(w, code)
	case res.Duplicate:
		p.onDuplicate(w, data, res)
	default:
		w.state = waiterAppending
		w.Base, w.need, w.AppendTimeMs = res.Base, res.Last+1, res.AppendTimeMs
		p.ops++
		if acks == acksLeader {
			p.acks1End = max(p.acks1End, w.need)
		}
		p.finish()
	}
}

// admit decides whether a produce may be appended at all.
func (p *Partition) admit(acks int16) int16 {
	switch {
	case acks != acksAll && acks != acksLeader && acks != acksNone:
		return codeBadAcks
	case p.Offline():
		return codeStorage
	case p.role != RoleLeader || p.pending != nil:
		return codeNotLeader
	case acks == acksAll && len(p.isr.committed) < p.minISR():
		if mutant.Enabled && p.mutant == mutant.REP21 {
			p.h.Probe("mutant.reached")
			p.h.Probe("mutant.infected")
			return 0
		}
		return codeTooFew
	}
	return 0
}

func (p *Partition) refuse(w *ProduceWaiter, code int16) {
	p.written(w)
	p.decide(w, code)
	p.finish()
}

// onDuplicate answers a batch that is already in the log, or on its way there,
// with the offsets of the original, and no earlier than the original: with
// acks=all not before the high watermark covers it.
func (p *Partition) onDuplicate(w *ProduceWaiter, data []byte, res plog.Result) {
	p.h.Probe("replica.duplicate")
	w.Base, w.need, w.AppendTimeMs = res.Base, res.Last+1, res.AppendTimeMs
	if p.h.Observed() {
		if b, _, err := record.Next(data); err == nil {
			w.batch = batchView(b)
			w.batch.Base, w.batch.Last, w.batch.LeaderEpoch = res.Base, res.Last, -1
			p.h.Emit(view.AppendDuplicate{TP: p.tp, Producer: producerOf(b), Base: res.Base, Last: res.Last})
		}
	}
	p.written(w)
	if p.log.End() < w.need {
		w.state = waiterWaiting
		p.landing.insert(w)
	} else {
		p.onLanded(w)
	}
	p.finish()
}

// onAppended is the end of a leader's append.
func onAppended(a *plog.Append) {
	w := a.Tag.(*ProduceWaiter)
	p := w.p
	observe := a.Err == nil && p.h.Observed()
	if observe {
		if b, _, err := record.Next(a.Data); err == nil {
			w.batch = batchView(b)
		}
		p.emitAppended(a.Data, true)
	}
	p.written(w)
	if a.Err != nil {
		p.onWriteFailed(w)
	} else {
		p.onVisible(w)
	}
	p.opDone()
	p.finish()
}

func (p *Partition) onWriteFailed(w *ProduceWaiter) {
	p.MarkOffline()
	if w.state != waiterAppending {
		return
	}
	if p.closed {
		p.decide(w, codeNotLeader)
	} else {
		p.decide(w, codeStorage)
	}
}

// onVisible handles a batch that has become visible. Leadership may have been
// lost meanwhile; it cannot have come back, for that waits for this append.
func (p *Partition) onVisible(w *ProduceWaiter) {
	if w.state == waiterAppending {
		if p.role != RoleLeader {
			p.decide(w, codeNotLeader)
		} else {
			p.onLanded(w)
		}
	}
	for !p.landing.empty() && p.landing.first().need <= p.log.End() {
		d := p.landing.first()
		d.unlink()
		p.onLanded(d)
	}
	p.wake(EndChange)
	p.advanceHW()
}

// onLanded handles a batch (or the original of a duplicate) that is visible.
func (p *Partition) onLanded(w *ProduceWaiter) {
	if w.acks != acksAll {
		p.decide(w, 0)
		return
	}
	if w.need <= p.hw {
		p.decide(w, p.covered())
		return
	}
	w.state = waiterWaiting
	p.waiting.insert(w)
}

// covered is the answer to an acks=all produce that the high watermark covers
// (Partition.checkEnoughReplicasReachOffset).
func (p *Partition) covered() int16 {
	if len(p.isr.maximal()) < p.minISR() && !(mutant.Enabled && p.mutant == mutant.REP21) {
		return codeTooFewAfter
	}
	return 0
}

// completeCovered decides every produce that the high watermark has come to cover.
func (p *Partition) completeCovered() {
	for !p.waiting.empty() && p.waiting.first().need <= p.hw {
		w := p.waiting.first()
		w.unlink()
		code := int16(0)
		if p.role == RoleLeader {
			code = p.covered()
		}
		p.decide(w, code)
	}
}

// failWaiting decides every produce that waits for anything but its append.
func (p *Partition) failWaiting(code int16) {
	for _, l := range [...]*waiterList{&p.waiting, &p.landing} {
		for !l.empty() {
			w := l.first()
			w.unlink()
			p.decide(w, code)
		}
	}
}

// Expire ends w with REQUEST_TIMED_OUT if it is still undecided: timeout.ms of the
// request has passed. What was appended stays.
func (p *Partition) Expire(w *ProduceWaiter) {
	if w.p != p || w.state != waiterAppending && w.state != waiterWaiting {
		return
	}
	w.unlink()
	p.decide(w, codeTimedOut)
	p.finish()
}

func (p *Partition) written(w *ProduceWaiter) {
	w.op.Data = nil
	if w.Written != nil {
		w.Written()
	}
}

func (p *Partition) decide(w *ProduceWaiter, code int16) {
	w.Code, w.state = code, waiterDecided
	p.ready.push(w)
}

// drain tells what was decided, at the end of a call, so that whatever Done does
// meets a partition at rest.
func (p *Partition) drain() {
	if p.draining {
		return
	}
	p.draining = true
	for !p.ready.empty() {
		w := p.ready.first()
		w.unlink()
		w.LogStart = p.log.Start()
		if w.Code != 0 && w.Code != codeTooFewAfter {
			w.Base = -1
		}
		if w.Code == 0 && w.acks != acksNone && p.h.Observed() {
			p.emitAcked(w)
		}
		w.state = waiterIdle
		w.Done(w)
	}
	p.draining = false
}

func (p *Partition) emitAcked(w *ProduceWaiter) {
	at, ok := p.log.BatchAt(w.Base)
	if w.batch.LeaderEpoch == -1 && ok { // a duplicate: its original has the epoch
		w.batch.LeaderEpoch = at.LeaderEpoch
	}
	p.h.Emit(view.ProduceAcked{
		TP: p.tp, LeaderEpoch: p.leaderEpoch, Batch: w.batch, Acks: w.acks, HW: p.hw,
		MaximalISR: p.MaximalISR(), MinISR: int32(p.minISR()), StillThere: ok && at == w.batch,
	})
}
