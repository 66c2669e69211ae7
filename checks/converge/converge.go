// Package converge judges, after healing and quiescence, that replicas are equal:
// C1 on the bytes of the simulated disks, C3 on the nodes' metadata images.
//
// # Invariants
//
//   - logs are decoded here, with package checks/bytes, never by the engine
//   - the first difference is found by bisection over chained hashes
//
// Not here: C5 (partlog, which knows every send), the other rules of section 7.
package converge

import (
	"fmt"

	"trial/checks"
	"trial/checks/bytes"
	"trial/clock"
)

// Group is a log that must be equal on several nodes.
type Group struct {
	Dir   string // "t-0"
	Nodes []int32
	// Growing says that the log goes on (the metadata log, with its no-op records):
	// only what both replicas have is compared.
	Growing bool
}

// Image is the metadata that a node holds.
type Image struct {
	Node   int32
	Offset int64
	Hash   uint64
}

// imageLag is how many metadata records two nodes may be apart while the active
// controller keeps writing no-op records.
const imageLag = 8

// Judge judges C1 on every group and C3 on the images.
func Judge(at clock.Instant, d checks.Disk, groups []Group, images []Image) *checks.Findings {
	f := &checks.Findings{}
	c1, c3 := f.Rule("C1"), f.Rule("C3")
	for _, g := range groups {
		logs(at, d, g, c1)
	}
	for i := 1; i < len(images); i++ {
		a, b := images[0], images[i]
		c3.Evaluated++
		apart := max(a.Offset-b.Offset, b.Offset-a.Offset)
		if apart > imageLag || apart == 0 && a.Hash != b.Hash {
			c3.Fail(-1, at, []string{node(a.Node), node(b.Node)},
				"after healing n%d holds metadata up to offset %d with image hash %016x, but n%d up to offset %d with image hash %016x",
				a.Node, a.Offset, a.Hash, b.Node, b.Offset, b.Hash)
		}
	}
	return f
}

func node(id int32) string { return fmt.Sprintf("n%d", id) }

// copyOf is one replica's log with its chained hash.
type copyOf struct {
	node    int32
	batches []bytes.Batch
	chain   []uint64 // chain[i] covers batches[:i]
	end     int64
}

func logs(at clock.Instant, d checks.Disk, g Group, rule *checks.Rule) {
	var copies []copyOf
	start := int64(0)
	for _, n := range g.Nodes {
		segments := bytes.Segments(d, n, g.Dir)
		log := bytes.DecodeLog(segments)
		rule.Evaluated++
		if log.Tail != nil {
			rule.Fail(-1, at, []string{g.Dir, node(n)}, "the log of %s on n%d cannot be read beyond offset %d (%s): %v",
				g.Dir, n, log.End(0)-1, log.TailAt, log.Tail)
		}
		c := copyOf{node: n, batches: log.Batches}
		if len(segments) > 0 {
			start = max(start, segments[0].Base)
			c.end = log.End(segments[0].Base)
		}
		copies = append(copies, c)
	}
	for i := range copies {
		copies[i].from(start)
		if i > 0 {
			compare(at, g, &copies[0], &copies[i], rule)
		}
	}
}

// from drops what lies below the largest log start and chains the rest.
func (c *copyOf) from(start int64) {
	i := 0
	for i < len(c.batches) && c.batches[i].Last < start {
		i++
	}
	c.batches = c.batches[i:]
	c.chain = make([]uint64, len(c.batches)+1)
	h := uint64(14695981039346656037)
	mix := func(v uint64) { h = (h ^ v) * 1099511628211 }
	c.chain[0] = h
	for i := range c.batches {
		b := &c.batches[i]
		mix(uint64(b.Base))
		mix(uint64(b.Last))
		mix(uint64(uint32(b.LeaderEpoch))<<32 | uint64(b.CRC))
		if b.Control() {
			mix(1)
		}
		c.chain[i+1] = h
	}
}

func compare(at clock.Instant, g Group, a, b *copyOf, rule *checks.Rule) {
	n := min(len(a.batches), len(b.batches))
	if g.Growing && a.chain[n] == b.chain[n] {
		return
	}
	if a.chain[n] == b.chain[n] && len(a.batches) == len(b.batches) && a.end == b.end {
		return
	}
	objects := []string{g.Dir, node(a.node), node(b.node)}
	if a.chain[n] == b.chain[n] {
		rule.Fail(-1, at, objects, "%s is equal on n%d and n%d up to offset %d, but ends at %d on n%d and at %d on n%d",
			g.Dir, a.node, b.node, min(a.end, b.end)-1, a.end, a.node, b.end, b.node)
		return
	}
	lo, hi := 0, n // chain[lo] equal, chain[hi] different
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; a.chain[mid] == b.chain[mid] {
			lo = mid
		} else {
			hi = mid
		}
	}
	x, y := &a.batches[lo], &b.batches[lo]
	rule.Fail(-1, at, objects, "%s differs at offset %d: n%d holds %s, n%d holds %s", g.Dir, min(x.Base, y.Base), a.node, show(x), b.node, show(y))
}

func show(b *bytes.Batch) string {
	return fmt.Sprintf("the batch [%d,%d] of leader epoch %d with checksum %08x", b.Base, b.Last, b.LeaderEpoch, b.CRC)
}
