// Package replica holds one broker's part in one topic partition: leader or
// follower, leader epoch, in-sync replicas, high watermark, the produce requests
// that wait for it, and the fetcher that follows the leader of many partitions.
//
// # Invariants
//
//   - log start offset <= high watermark <= log end offset
//   - on a leader the high watermark never falls within its leader epoch, and it
//     covers only what every member of the maximal ISR has fetched in that epoch
//   - an acks=all produce is answered OK only below the high watermark and while
//     the maximal ISR has at least the effective min.insync.replicas members
//   - when leadership is lost every waiting produce fails: no later leadership of
//     this replica answers it
//   - at most one AlterPartition is in flight; until its outcome is known the
//     maximal ISR contains every replica that either outcome would contain
//   - a new leadership starts, and a follower fetches, only while no append and no
//     truncation of the log is under way
//   - a leader never truncates
//
// Not here: log bytes, offsets and epochs (plog), the choice of leader (control),
// connections, request formats and purgatory deadlines (engine/kafka).
package replica
