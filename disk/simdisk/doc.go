// Package simdisk is a simulated disk: volumes with files and directories whose
// contents survive the processes that write them, and whose crashes lose what a
// real file system may lose.
//
// A Volume holds one image, the one that the operating system shows (the page
// cache). What is not yet durable is a list of changes with enough to undo
// them: per file the unsynced writes and truncations, per volume the unsynced
// changes of names. An append costs one record of a few words, and none at all
// if it continues a record shorter than a page. A sync forgets the list. A power
// failure undoes everything on it, newest first, which yields the durable image,
// and then does a drawn subset again: each write kept, lost or torn by sector.
//
// # Invariants
//
//   - bytes below the last sync of a file are never touched by a power failure
//   - a kill changes nothing but the operations under way
//   - operations on one file take effect and complete in order; so do operations
//     on the names of a volume
//   - all choices come from the volume's own streams
//   - every byte and every name that a power failure took or brought back is in
//     the Loss list that it returns
//
// Not here: files of the real machine (osdisk), when a fault strikes (faults).
package simdisk
