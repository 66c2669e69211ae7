// Package serve runs a Kafka cluster for real, in this process: brokers on
// consecutive ports, controllers on loopback ports of their own, data in files.
//
// # Invariants
//
//   - all ports are taken and all directories locked before any node boots, so
//     that a wrong configuration starts nothing
//   - a node that was killed or stopped comes back on its address with its data
//   - a data directory belongs to one cluster and one node, for ever
//
// Not here: the event loops (host), the broker (engine/kafka), flags
// (cmd/simrun).
package serve
