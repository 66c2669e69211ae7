package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/internal/wire"
)

// FuzzBrokerFrame sends arbitrary frames to both listeners of a running broker:
// nothing may panic it, and it must still serve afterwards.
func FuzzBrokerFrame(f *testing.F) {
	id := "fuzz"
	for key := range int16(kmsg.MaxKey + 1) {
		req := kmsg.RequestForKey(key)
		if req == nil {
			continue
		}
		for _, v := range []int16{0, req.MaxVersion() / 2, req.MaxVersion()} {
			req.SetVersion(v)
			f.Add(wire.AppendRequest(nil, req, 1, &id))
		}
	}
	p := produceReq("t", [16]byte{}, 0, -1, batch("x"))
	p.Version = 9
	f.Add(wire.AppendRequest(nil, p, 1, &id))
	q := fetchReq("t", [16]byte{}, 0, 0, 10, 1)
	q.Version = 12
	f.Add(wire.AppendRequest(nil, q, 1, &id))
	f.Fuzz(func(t *testing.T, frame []byte) {
		c := single(t)
		c.createTopic("t", 1, 1)
		for _, addr := range []string{"n1:9092", "n1:9093"} {
			conn := c.client.dial(addr)
			conn.sendRaw(frame)
			conn.sendRaw(frame)
		}
		c.run(2 * clock.Second)
		if c.life(1).exited {
			t.Fatalf("the broker ended: %v", c.life(1).exit)
		}
		c.conn(1).call(kmsg.NewPtrMetadataRequest(), 12)
	})
}
