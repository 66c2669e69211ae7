// Package control is the metadata side of a node: its member of the metadata
// quorum, the committed image, the active controller while this node leads the
// quorum, and the channel by which brokers talk to the active controller.
//
// The controller decides on a working image that runs ahead of the committed
// one: every decision is applied to it and appended to the metadata log at once,
// and its answer is held until the quorum has committed the records. A
// controller that loses its leadership drops the working image and fails what
// waits with NOT_CONTROLLER.
//
// # Invariants
//
//   - the working image is the committed image plus the records appended in this
//     quorum epoch, in order
//   - no answer leaves before the records it speaks of are committed
//   - OnImage shows committed records only, each once, in order
//   - partition epochs grow with every change, leader epochs with every new leader
//
// Not here: the replica's side of replication (replica), which requests arrive
// where (kafka), metadata snapshots, voter changes (KIP-853).
package control
