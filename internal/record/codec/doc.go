// Package codec compresses and decompresses the records of a batch with the
// codecs that Kafka's clients know: gzip, snappy, lz4, zstd (CompressionType).
//
// Whoever reads what is written here may be any client, so the framing is the
// Java client's: gzip members, xerial blocks around snappy, an lz4 frame of
// independent 64 KiB blocks, a zstd frame. Read are these and what other clients
// write: raw snappy blocks, lz4 frames of any block size, several gzip members,
// several zstd frames.
//
// # Invariants
//
//   - the same input, codec and level give the same bytes on every machine and
//     whatever a State did before; a test pins their hashes
//   - hostile bytes end with an error; no more than the limit and a constant is
//     ever allocated for them
//   - no goroutine, no pool, no variable of the package that changes: a State
//     belongs to one owner
//
// Not here: the compression of magic 0 and 1 (its broken lz4 header checksum
// included), dictionaries.
package codec
