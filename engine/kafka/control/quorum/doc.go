// Package quorum is a node's member of the metadata quorum: KRaft (KIP-595) with
// static voters, pre-vote (KIP-996) and pull replication over a plog.Log.
// Nodes that are no voters are observers: they fetch and learn what is committed.
//
// # Invariants
//
//   - one vote per epoch, durable before its answer; epoch, vote and leader are
//     durable before anything is said or appended under them
//   - a node never leads an epoch twice: if its file says that it led, it
//     comes back as resigned and stays so until a higher epoch
//   - replicated means synced: a follower's fetch offset and the leader's own
//     part are the durable end of their logs
//   - the high watermark moves only over a record of the leader's own epoch, never
//     falls, and is never truncated
//   - a leader without a majority of fetching voters resigns (check quorum)
//
// Not here: what the records mean (image), voter changes (KIP-853), snapshots.
package quorum
