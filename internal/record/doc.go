// Package record views, checks, patches and builds record batches of magic 2,
// the only format Kafka 4 writes (KIP-98; DefaultRecordBatch, DefaultRecord).
//
// A Batch is a view: bytes that somebody else owns. Base offset and partition
// leader epoch lie outside the CRC and are patched in place, a changed timestamp
// costs a new CRC. Only another codec means another encoding, see Recompress; the
// codecs themselves are package codec.
//
// # Invariants
//
//   - accessors are valid on a Batch that Next returned; nothing else panics,
//     whatever the bytes are
//   - a Batch made by Builder passes Check, and Each gives back what was added
//
// Not here: the rules by which a broker accepts a batch (plog), partitioners.
package record
