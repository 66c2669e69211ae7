// Package strimzi reads cluster descriptions as users of the Strimzi operator have
// them (Kafka, KafkaNodePool, KafkaTopic, KafkaUser) and puts the cluster that they
// describe on trial: which of node restart, pod restart, node loss, zone loss,
// rolling update and a restart of everything lose or block what.
//
// # Invariants
//
//   - every error names file and line, says what is wrong and what would be right
//   - nothing is dropped in silence: what has no meaning in a simulation is listed
//   - a plan depends on the files, the question and the seed alone
//   - a verdict is what clients saw and what the ledger of the run says, nothing else
//
// Not here: how a run works (sim/cluster), running several at a time and printing
// (cmd/simrun). Users, listeners, certificates and authorization are read and have
// no effect; other resources of Strimzi are listed and skipped.
package strimzi
