package client

import (
	"trial/internal/record"
	"trial/internal/record/codec"
)

// Codec is a setting of compression.type, numbered as in Kafka's batches.
type Codec = codec.ID

// ParseCodec reads a value of a producer's compression.type.
func ParseCodec(name string) (Codec, bool) { return codec.Parse(name) }

// CodecNames lists what ParseCodec reads.
func CodecNames() []string { return codec.Names() }

// A producer cannot know how large a batch gets before it is compressed, and
// compressing is put off until it leaves. As Java's it estimates by how well the
// topic's earlier batches did (CompressionRatioEstimator), in ten thousandths.
const (
	ratioOne         = 10_000
	ratioImproves    = 50  // COMPRESSION_RATIO_IMPROVING_STEP
	ratioDeteriorate = 500 // COMPRESSION_RATIO_DETERIORATE_STEP
	ratioMargin      = 105 // COMPRESSION_RATE_ESTIMATION_FACTOR, in hundredths
)

// estimate is how many bytes b has when it leaves
// (MemoryRecordsBuilder.estimatedBytesWritten).
func (p *Producer) estimate(t *sendTopic, b *batch) int {
	if p.cfg.Compression == record.None {
		return b.b.Len()
	}
	plain := int64(b.b.Len() - record.HeaderBytes)
	return record.HeaderBytes + int(plain*(ratioOne-t.saved)*ratioMargin/100/ratioOne)
}

// hasRoom decides whether b takes m, too. The new message counts as it is. What is
// behind the estimate must not outgrow a request even if it was wrong: Java's
// producer splits such a batch when the broker refuses it, this one does not.
func (p *Producer) hasRoom(t *sendTopic, b *batch, m *Message) bool {
	size := b.b.AddSize(m.TimestampMs, m.Key, m.Value, m.headers()...)
	return p.estimate(t, b)+size <= p.cfg.BatchSize &&
		(p.cfg.Compression == record.None || b.b.Len()+size <= p.cfg.MaxRequestSize)
}

// seal compresses a batch that is about to leave for the first time. It takes no
// more messages then. What comes out is sent even if it is larger, as Java does.
func (p *Producer) seal(t *sendTopic, b *batch) {
	if b.sealed || p.cfg.Compression == record.None {
		return
	}
	b.closed, b.sealed = true, true
	p.h.Probe("client.compressed")
	plain := int64(b.b.Len() - record.HeaderBytes)
	b.b.Compress(&p.codecs, p.cfg.Compression, p.cfg.CompressionLevel)
	t.learn(int64(b.b.Len()-record.HeaderBytes) * ratioOne / plain)
}

// learn corrects the topic's estimate, quickly for the worse, slowly for the
// better (CompressionRatioEstimator.updateEstimation).
func (t *sendTopic) learn(observed int64) {
	ratio := ratioOne - t.saved
	switch {
	case observed > ratio:
		ratio = max(ratio+ratioDeteriorate, observed)
	case observed < ratio:
		ratio = max(ratio-ratioImproves, observed)
	}
	t.saved = ratioOne - ratio
}
