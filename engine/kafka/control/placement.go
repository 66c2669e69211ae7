package control

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"trial/engine"
	"trial/engine/kafka/control/image"
)

// placer spreads the replicas of partitions over racks and brokers
// (StripedReplicaPlacer): racks in turn from a random start, inside each rack
// brokers in turn from a random start, unfenced ones first; the first replica is
// always on an unfenced broker.
type placer struct {
	rng      *engine.Stream
	racks    []*rack // by name; no rack first
	total    int
	unfenced int
	epoch    int // of the rings; one per placed partition
	placed   int // partitions since the last shuffle
	offset   int
}

type rack struct {
	name             string
	named            bool
	unfenced, fenced ring
}

// ring deals out brokers, each once per epoch, from an offset that moves on with
// every epoch.
type ring struct {
	brokers              []int32
	index, offset, epoch int
}

func (r *ring) next(epoch int) (int32, bool) {
	if len(r.brokers) == 0 {
		return 0, false
	}
	if r.epoch != epoch {
		r.epoch, r.index, r.offset = epoch, 0, (r.offset+1)%len(r.brokers)
	}
	if r.index >= len(r.brokers) {
		return 0, false
	}
	b := r.brokers[(r.index+r.offset)%len(r.brokers)]
	r.index++
	return b, true
}

// newPlacer looks at the brokers that are not shutting down.
func newPlacer(rng *engine.Stream, brokers []*image.Broker) *placer {
	p := &placer{rng: rng}
	for _, b := range brokers {
		if b.InControlledShutdown {
			continue
		}
		r := p.rack(b.Rack)
		p.total++
		if b.Fenced {
			r.fenced.brokers = append(r.fenced.brokers, b.ID)
		} else {
			p.unfenced++
			r.unfenced.brokers = append(r.unfenced.brokers, b.ID)
		}
	}
	slices.SortStableFunc(p.racks, func(a, b *rack) int {
		if a.named != b.named {
			return cmp.Compare(len(a.name), len(b.name)) // the nameless one is first
		}
		return strings.Compare(a.name, b.name)
	})
	for _, r := range p.racks {
		for _, l := range []*ring{&r.fenced, &r.unfenced} {
			if len(l.brokers) > 0 {
				l.offset = rng.Pick(len(l.brokers))
			}
		}
	}
	if len(p.racks) > 0 {
		p.offset = rng.Pick(len(p.racks))
	}
	return p
}

func (p *placer) rack(name *string) *rack {
	r := &rack{}
	if name != nil {
		r.name, r.named = *name, true
	}
	for _, o := range p.racks {
		if o.name == r.name && o.named == r.named {
			return o
		}
	}
	p.racks = append(p.racks, r)
	return r
}

// check says why n replicas cannot be placed.
func (p *placer) check(n int) error {
	switch {
	case n <= 0:
		return fmt.Errorf("replication factor %d: it must be positive", n)
	case p.unfenced == 0:
		return errors.New("all brokers are currently fenced")
	case n > p.total:
		return fmt.Errorf("the target replication factor of %d cannot be reached because only %d broker(s) are registered", n, p.total)
	}
	return nil
}

// place returns the replicas of one partition. check must have passed.
func (p *placer) place(n int) []int32 {
	if p.placed == p.unfenced && p.unfenced > 1 {
		p.shuffle() // as many as there are brokers: do not repeat the same sets
		p.placed = 0
	}
	if p.offset >= len(p.racks) {
		p.offset = 0
	}
	out := make([]int32, 0, n)
	first := p.offset
	for len(out) == 0 {
		if b, ok := p.racks[first].unfenced.next(p.epoch); ok {
			out = append(out, b)
			break
		}
		first = (first + 1) % len(p.racks)
	}
	for at := p.offset; len(out) < n; at = (at + 1) % len(p.racks) {
		if at == first {
			first = -1 // it has given the leader in this round
			continue
		}
		b, ok := p.racks[at].unfenced.next(p.epoch)
		if !ok {
			b, ok = p.racks[at].fenced.next(p.epoch)
		}
		if ok {
			out = append(out, b)
		}
	}
	p.epoch++
	p.placed++
	p.offset++
	return out
}

func (p *placer) shuffle() {
	p.rng.Shuffle(len(p.racks), func(i, j int) { p.racks[i], p.racks[j] = p.racks[j], p.racks[i] })
	for _, r := range p.racks {
		for _, l := range []*ring{&r.fenced, &r.unfenced} {
			p.rng.Shuffle(len(l.brokers), func(i, j int) { l.brokers[i], l.brokers[j] = l.brokers[j], l.brokers[i] })
		}
	}
}
