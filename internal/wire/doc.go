// Package wire frames Kafka requests and responses: headers in all their
// versions around the bodies that kmsg encodes, a guard in front of kmsg's
// decoder, and an encoder of fetch responses that leaves record data in files.
//
// A frame is a request or a response without its 4-byte length prefix.
//
// # Invariants
//
//   - no input makes a decoder panic, loop long or allocate more than a small
//     multiple of the input
//   - a response of ApiVersions always has header version 0 (KIP-511)
//   - FetchEncoder gives the bytes that kmsg gives, with regions of files in
//     place of record data
//
// Not here: connections, which versions a broker offers, what a request means.
package wire
