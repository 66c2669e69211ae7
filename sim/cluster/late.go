package cluster

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/checks"
	"trial/checks/bytes"
	"trial/checks/history"
	"trial/clock"
	"trial/engine"
	"trial/internal/wire"
)

// onLate: a broker that hung gets what a client has given up. If it is a produce
// request, the judges are told which records came late: the broker may append
// them although it has refused their retry meanwhile.
func (r *run) onLate(_ clock.Instant, node, from engine.NodeID, frame []byte) {
	if node >= firstClientID || from < firstClientID {
		return
	}
	h, body, err := wire.ParseRequest(frame)
	if err != nil || h.Key != int16(kmsg.Produce) {
		return
	}
	req, err := wire.DecodeRequest(h, body)
	if err != nil {
		return // damaged on the way: the broker refuses it, too
	}
	late := checks.LateRequest{Seq: int64(len(r.history.Events))}
	for _, t := range req.(*kmsg.ProduceRequest).Topics {
		for _, p := range t.Partitions {
			for _, b := range bytes.DecodeLog([]bytes.Segment{{Data: p.Records}}).Batches {
				_ = b.Each(func(x bytes.Record) { // a batch that ends early is refused as a whole
					if id, _, _, err := history.ParsePayload(x.Value); err == nil {
						late.Records = append(late.Records, id)
					}
				})
			}
		}
	}
	if late.Records != nil {
		r.stale = append(r.stale, late)
	}
}
