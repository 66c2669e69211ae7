// Package record views, checks, patches and builds record batches of magic 2,
// the only format Kafka 4 writes (KIP-98; DefaultRecordBatch, DefaultRecord).
//
// A Batch is a view: bytes that somebody else owns. Batches are never
// re-encoded here; base offset and partition leader epoch lie outside the CRC
// and are patched in place, a changed timestamp costs a new CRC.
//
// # Invariants
//
//   - accessors are valid on a Batch that Next returned; nothing else panics,
//     whatever the bytes are
//   - a Batch made by Builder passes Check, and Each gives back what was added
//
// Not here: compression (batches of other codecs are kept as bytes), the rules
// by which a broker accepts a batch (plog), partitioners.
package record
