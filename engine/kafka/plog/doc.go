// Package plog is the log of one partition: segment files of record batches in
// Kafka's layout, written and read asynchronously through an engine.Host. It
// serves partition replicas and the metadata quorum alike and knows offsets,
// leader epochs, the durable end, truncation and producer state; nothing of
// in-sync replicas, high watermarks or topics.
//
// Offsets are assigned when an append is submitted, and become visible (End,
// Locate, BatchAt) when it has completed, in submission order. The logical
// state (Next, the index behind End, epoch cache, producer state) is always
// that of everything submitted; the files follow in the same order.
//
// # Invariants
//
//   - Start <= Synced <= End <= Next
//   - the batches are contiguous in offsets and their leader epochs never fall
//   - epoch cache: strictly increasing in epoch and in start offset
//   - producer state is the fold of the batches below Next
//   - a failed or short write, or a failed sync, latches the log offline: no
//     retry, no rollback, nothing behind the failure ever becomes visible
//   - recovery keeps the longest valid prefix and is idempotent, also when it
//     is itself cut short by a crash
//   - no callback runs inside the call that asked for it
//
// Not here: high watermark and fetch rules (replica), retention and compaction,
// transaction indexes, which volume a log lives on.
package plog
