// Package image holds the cluster's metadata: the records of the metadata log in
// Kafka's own encoding, and the immutable image that is the fold of those records.
//
// An Image never changes. An Editor makes the next one from it by applying
// records, sharing what did not change, and tells in a Delta what did.
//
// # Invariants
//
//   - equal sequences of records give equal images and equal hashes, whatever
//     the grouping into edits
//   - brokers, topics, configs and features are kept sorted; no map decides order
//   - decoding returns an error on any malformed bytes and never panics; record
//     types and tagged fields that are not known are skipped
//
// Not here: who may write which record (control), when a record is committed
// (quorum), metadata snapshots and metadata transactions.
package image
