package kafka

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine"
	"trial/engine/kafka/control/image"
	"trial/engine/kafka/plog"
	"trial/internal/record"
	"trial/internal/record/codec"
)

// recode is work on one batch of a produce request before it can be appended: a
// compressed batch is decompressed and looked into, and one whose codec is not the
// topic's compression.type is encoded again (LogValidator). Kafka does it on its
// request handlers; here it runs off the loop.
type recode struct {
	slot  *produceSlot
	topic *image.Topic
	batch record.Batch // in the request's frame

	again bool // encode it with codec
	codec record.Codec
	level int

	looked bool
	look   plog.Look
	out    record.Batch // what it became, nil for what came
}

// recodeOf says what is to be done with the batch of a slot; nil: nothing.
func recodeOf(s *produceSlot, topic *image.Topic, c *topicConf, data []byte) *recode {
	b := record.Batch(data)
	again := !c.keepCodec && b.Codec() != c.codec
	if b.Codec() == record.None && !again {
		return nil
	}
	// The log refuses these without a look.
	if !b.Codec().Known() || b.Magic() != 2 || len(data) > int(c.log.MaxMessageBytes) {
		return nil
	}
	return &recode{slot: s, topic: topic, batch: b, again: again, codec: c.codec, level: c.level}
}

// run is the heavy part.
func (w *recode) run(t *recoder) {
	if w.batch.Check() != nil {
		return // the log finds the same, and what to answer
	}
	w.looked = true
	records := w.look.Inspect(w.batch, &t.state, t.records)
	if w.batch.Codec() != record.None {
		t.records = records
	}
	if w.look.Code == 0 && w.again {
		w.out = w.batch.Recompress(nil, records, &t.state, w.codec, w.level)
	}
}

// recoder has what one job needs: the tables of the codecs and a buffer.
type recoder struct {
	state   codec.State
	records []byte
}

// Limits of the recoders of a broker: their number, and the buffer that one keeps.
const (
	maxRecoders    = 8
	maxRecoderKept = 4 << 20
)

// recoders are the broker's recoders and the requests that wait for one.
type recoders struct {
	free    []*recoder
	made    int
	waiting []*producing
}

// recode has the work of a request done and then submits its batches. Partitions of
// one request go together, so that they are appended in their order.
func (b *Broker) recode(op *producing) {
	op.r.pin()
	r := &b.recoders
	switch n := len(r.free); {
	case n > 0:
		t := r.free[n-1]
		r.free = r.free[:n-1]
		b.offload(t, op)
	case r.made < maxRecoders:
		r.made++
		b.offload(&recoder{}, op)
	default:
		r.waiting = append(r.waiting, op)
	}
}

func (b *Broker) offload(t *recoder, op *producing) {
	job := &engine.Job{Run: func() {
		for _, w := range op.work {
			w.run(t)
		}
	}}
	for _, w := range op.work {
		job.Bytes += int64(len(w.batch))
	}
	job.Done = func() {
		if cap(t.records) > maxRecoderKept {
			t.records = nil
		}
		if r := &b.recoders; len(r.waiting) > 0 {
			next := r.waiting[0]
			r.waiting = append(r.waiting[:0], r.waiting[1:]...)
			b.offload(t, next)
		} else {
			r.free = append(r.free, t)
		}
		op.recoded()
	}
	b.h.Offload(job)
}

// recoded submits what was looked into. Topic and partition may have gone meanwhile.
func (op *producing) recoded() {
	work, b := op.work, op.r.b
	op.work = nil
	byID := op.r.body.(*kmsg.ProduceRequest).Version >= 13
	op.left++ // nothing is answered before all is submitted
	for _, w := range work {
		s := w.slot
		topic, code := b.topicOf(w.topic.Name, w.topic.ID, byID)
		var p *hosted
		if code == 0 {
			p, code = b.partitionOf(topic, s.out.Partition)
		}
		if code != 0 {
			op.refuse(s, topic, code)
			continue
		}
		data := w.batch
		s.w.Written = nil
		if w.out != nil {
			b.h.Probe("broker.recompressed")
			data = w.out
		} else {
			op.r.pin()
			s.w.Written = func() { op.r.unpin(1) }
		}
		s.part, s.w.Tag, s.w.Done = p.part, s, onProduced
		if w.looked {
			s.w.Look = &w.look
		}
		p.part.Produce(&s.w, data, op.acks)
	}
	op.arm()
	op.r.unpin(1)
	op.decided()
}
