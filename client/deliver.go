package client

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/internal/mutant"
	"trial/internal/record"
)

func newChunk(a *assignment, p *kmsg.FetchResponseTopicPartition, fr *frame, committed bool) *chunk {
	fr.refs++
	c := &chunk{frame: fr, data: p.RecordBatches, gen: a.gen, hw: p.HighWatermark}
	if committed {
		for _, t := range p.AbortedTransactions {
			c.aborted = append(c.aborted, abortedTxn{t.ProducerID, t.FirstOffset})
		}
		// Brokers send them by first offset; trust nothing that order depends on.
		for i := 1; i < len(c.aborted); i++ {
			for j := i; j > 0 && c.aborted[j].first < c.aborted[j-1].first; j-- {
				c.aborted[j], c.aborted[j-1] = c.aborted[j-1], c.aborted[j]
			}
		}
	}
	return c
}

func (k *Consumer) unref(f *frame) {
	f.refs--
	if f.refs == 0 && f.buf != nil {
		k.h.Release(f.buf)
		f.buf = nil
	}
}

func (k *Consumer) dropChunk(a *assignment) {
	if a.chunk != nil {
		c := a.chunk
		a.chunk = nil
		k.unref(c.frame)
	}
}

// deliver hands out at most max.poll.records and comes back in a later event
// for the rest.
func (k *Consumer) deliver() {
	budget := k.cfg.MaxPollRecords
	for i := 0; i < len(k.parts) && !k.closed && budget > 0; i++ {
		a := k.parts[i]
		for a.chunk != nil && !a.paused && budget > 0 && !k.closed {
			budget -= k.step(a)
		}
	}
	if k.closed {
		return
	}
	if budget <= 0 {
		k.h.SetTimer(&k.deliverTimer, k.h.Now())
	}
	k.run()
}

// step delivers one record, or passes one batch, and reports what it cost.
func (k *Consumer) step(a *assignment) int {
	c := a.chunk
	if c.batch == nil {
		return k.nextBatch(a, c)
	}
	var r record.Record
	ok, err := c.iter.Next(&r)
	if err != nil {
		k.corrupt(a, err)
		return 1
	}
	if !ok { // the batch may end behind its last record, after compaction
		a.offset, a.offsetEpoch = max(a.offset, c.batch.NextOffset()), c.batch.LeaderEpoch()
		c.batch = nil
		return 0
	}
	if r.Offset < a.offset {
		return 0
	}
	a.offset, a.offsetEpoch = r.Offset+1, c.batch.LeaderEpoch()
	out := Record{
		Topic: a.topic, TopicID: a.id, Partition: a.partition, Offset: r.Offset, LeaderEpoch: c.batch.LeaderEpoch(),
		TimestampMs: r.Timestamp, Key: r.Key, Value: r.Value,
	}
	for _, h := range r.Headers() {
		out.Headers = append(out.Headers, Header{Key: h.Key, Value: h.Value})
	}
	k.cfg.OnRecord(&out)
	return 1
}

// nextBatch opens the next batch of a chunk, or ends the chunk.
func (k *Consumer) nextBatch(a *assignment, c *chunk) int {
	b, rest, err := record.Next(c.data)
	if errors.Is(err, record.ErrShort) { // the broker cuts the last batch at the size limit
		k.passesOver(a, c)
		k.dropChunk(a)
		return 0
	}
	if err == nil {
		err = b.CheckHeader()
	}
	if err == nil && k.cfg.CheckCRCs {
		err = b.Check()
	}
	if err != nil {
		k.corrupt(a, err)
		return 1
	}
	c.data = rest
	if b.NextOffset() <= a.offset {
		return 1
	}
	if skip := c.skips(b); b.Control() || skip {
		if b.Control() {
			c.endTxn(b.ProducerID())
		}
		a.offset, a.offsetEpoch = b.NextOffset(), b.LeaderEpoch()
		return 1
	}
	records, err := b.Records(a.plain, &k.codecs)
	if err != nil {
		k.corrupt(a, err)
		return 1
	}
	if b.Codec() != record.None {
		a.plain = records
	}
	c.batch, c.iter = b, b.Walk(records)
	return 0
}

// passesOver is the planted bug SYN-L6: behind an answer the position is the high
// watermark that came with it, although the answer may have ended below.
func (k *Consumer) passesOver(a *assignment, c *chunk) {
	if !mutant.Enabled || k.cfg.Mutant != mutant.SynL6 {
		return
	}
	k.h.Probe("mutant.reached")
	if c.hw > a.offset {
		k.h.Probe("mutant.infected")
		a.offset = c.hw
	}
}

// skips reports whether a transactional batch belongs to an aborted
// transaction: one begins at its first offset and ends at its producer's next
// control batch.
func (c *chunk) skips(b record.Batch) bool {
	for len(c.aborted) > 0 && c.aborted[0].first <= b.LastOffset() {
		c.inTxn = append(c.inTxn, c.aborted[0].producer)
		c.aborted = c.aborted[1:]
	}
	if !b.Transactional() {
		return false
	}
	for _, id := range c.inTxn {
		if id == b.ProducerID() {
			return true
		}
	}
	return false
}

func (c *chunk) endTxn(producer int64) {
	for i, id := range c.inTxn {
		if id == producer {
			c.inTxn = append(c.inTxn[:i], c.inTxn[i+1:]...)
			return
		}
	}
}

// corrupt gives a damaged chunk up; the partition is fetched again after a while.
func (k *Consumer) corrupt(a *assignment, err error) {
	k.h.Probe("client.fetch.corrupt")
	k.dropChunk(a)
	k.backOff(a)
	k.report(a, &CorruptError{err})
}
