// Package ownengine shows how an engine that Trial has never heard of is put on
// trial: a small replicated key-value store, its clients, its judges.
//
// The store has no leader. Whichever server a client talks to coordinates: it
// asks a majority for the newest tag of the key, and then has a majority store
// the value, with a newer tag for a put, with the tag it found for a get (Attiya,
// Bar-Noy, Dolev 1995; Lynch, Shvartsman 1997). A server answers only when what
// it says is in its log and the log is synced, so that any minority may be down
// and any server may lose its power at any time.
//
//   - wire.go, server.go, operation.go, peer.go, log.go: the engine
//   - client.go: a client, which puts and gets at random
//   - history.go, judge.go: what clients saw, and the two judges
//   - system.go: what Trial must know, in one struct
//
// The tests find a planted bug, shrink it and print it; run the correct engine
// over a few hundred seeds; and run the same programs on sockets and files.
package ownengine
