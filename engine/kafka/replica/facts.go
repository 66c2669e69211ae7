package replica

import (
	"trial/engine/kafka/view"
	"trial/internal/record"
)

func batchView(b record.Batch) view.Batch {
	return view.Batch{
		Base: b.BaseOffset(), Last: b.LastOffset(), LeaderEpoch: b.LeaderEpoch(),
		CRC: b.CRC(), Control: b.Control(),
	}
}

func producerOf(b record.Batch) view.ProducerBatch {
	if b.ProducerID() < 0 {
		return view.ProducerBatch{ID: -1, Epoch: -1, First: -1, Last: -1}
	}
	return view.ProducerBatch{
		ID: b.ProducerID(), Epoch: b.ProducerEpoch(), First: b.BaseSequence(), Last: b.LastSequence(),
		Transactional: b.Transactional(),
	}
}

// emitAppended tells of every batch in data; to be called only while observed.
func (p *Partition) emitAppended(data []byte, leader bool) {
	for len(data) > 0 {
		b, rest, err := record.Next(data)
		if err != nil {
			return
		}
		p.h.Emit(view.Appended{TP: p.tp, Batch: batchView(b), AsLeader: leader, Producer: producerOf(b)})
		data = rest
	}
}
