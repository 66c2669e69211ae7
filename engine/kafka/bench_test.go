package kafka

import (
	"fmt"
	"strings"
	"testing"

	"trial/clock"
	"trial/engine"
	"trial/internal/wire"
)

// pump produces the same batch again and again over one connection.
type pumping struct {
	frame []byte
	h     engine.Host
	id    engine.ConnID
	left  int
}

func (p *pumping) Opened(engine.ConnID) { p.send() }
func (p *pumping) Frame(_ engine.ConnID, b *engine.Buf) {
	p.h.Release(b)
	if p.left--; p.left > 0 {
		p.send()
	}
}
func (p *pumping) Closed(engine.ConnID, error) {}
func (p *pumping) send() {
	b := p.h.Buf(len(p.frame))
	b.B = append(b.B, p.frame...)
	p.h.Send(p.id, b)
}

// BenchmarkReplicatedProduce is the cost of 100 records of 100 bytes with
// acks=all on three brokers in the simulator, network and disks included.
func BenchmarkReplicatedProduce(b *testing.B) {
	s := newSimulated(b, 1, 0, nil)
	id := s.create()
	s.until("whole", 10*clock.Second, func() bool { return s.whole(id) })
	var vs []string
	for range 100 {
		vs = append(vs, strings.Repeat("x", 100))
	}
	req := produceReq("t", id, 0, -1, batch(vs...))
	req.Version = 13
	client := "bench"
	p := &pumping{frame: wire.AppendRequest(nil, req, 1, &client), h: s.client.h, left: b.N}
	b.ReportAllocs()
	b.ResetTimer()
	s.do(func() { p.id = s.client.h.Dial(fmt.Sprintf("n%d:9092", s.leader()+1), p) })
	s.until("produced", 1000*clock.Hour, func() bool { return p.left <= 0 })
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/record")
}

// BenchmarkFetch is the cost of a consumer's fetch of a small record set.
func BenchmarkFetch(b *testing.B) {
	s := newSimulated(b, 1, 0, nil)
	id := s.create()
	s.until("whole", 10*clock.Second, func() bool { return s.whole(id) })
	conn := s.client.dial(fmt.Sprintf("n%d:9092", s.leader()+1))
	conn.call(produceReq("t", id, 0, -1, batch("x")), 13)
	req := fetchReq("t", id, 0, 0, 0, 1)
	req.Version = 17
	client := "bench"
	p := &pumping{frame: wire.AppendRequest(nil, req, 1, &client), h: s.client.h, left: b.N}
	b.ReportAllocs()
	b.ResetTimer()
	s.do(func() { p.id = s.client.h.Dial(fmt.Sprintf("n%d:9092", s.leader()+1), p) })
	s.until("fetched", 1000*clock.Hour, func() bool { return p.left <= 0 })
}
