package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine"
)

// handleInitProducerID answers InitProducerId 0-5. Without a transactional id
// the producer gets a fresh id of this broker's block. With one it would need a
// transaction coordinator, and this cluster has none.
func handleInitProducerID(r *request) {
	req := r.body.(*kmsg.InitProducerIDRequest)
	answer := func(id int64, epoch, code int16) {
		if r.answered {
			return
		}
		resp := kmsg.NewPtrInitProducerIDResponse()
		resp.Version, resp.ProducerID, resp.ProducerEpoch, resp.ErrorCode = req.Version, id, epoch, code
		r.reply(resp)
	}
	switch {
	case req.TransactionalID != nil && *req.TransactionalID == "", (req.ProducerID == -1) != (req.ProducerEpoch == -1):
		answer(-1, -1, kerr.InvalidRequest.Code)
	case req.TransactionalID != nil:
		answer(-1, -1, kerr.CoordinatorNotAvailable.Code)
	default:
		r.b.producerIDs.take(func(id int64, code int16) {
			if code != 0 {
				answer(-1, -1, code)
				return
			}
			answer(id, 0, 0)
		})
	}
}

// producerIDs hands out producer ids from the block that the controller gave us
// (RPCProducerIdManager). Who comes while a block is being fetched waits for it.
type producerIDs struct {
	b         *Broker
	next, end int64
	asking    bool
	waiting   []func(id int64, code int16)
}

func (p *producerIDs) take(done func(id int64, code int16)) {
	if p.next < p.end && len(p.waiting) == 0 {
		p.next++
		done(p.next-1, 0)
		return
	}
	p.waiting = append(p.waiting, done)
	if !p.asking {
		p.ask()
	}
}

func (p *producerIDs) ask() {
	p.asking = true
	req := kmsg.NewPtrAllocateProducerIDsRequest()
	req.BrokerID, req.BrokerEpoch = p.b.cfg.NodeID, p.b.lifecycle.epoch
	p.b.forwards.Send(req, p.b.settings.ms("request.timeout.ms"), func(resp kmsg.Response, err error) {
		p.asking = false
		r, ok := resp.(*kmsg.AllocateProducerIDsResponse)
		if err != nil || !ok || r.ErrorCode != 0 || r.ProducerIDLen <= 0 || r.ProducerIDStart < 0 {
			p.b.h.Logf(engine.Info, "no block of producer ids: %v", err)
			p.fail()
			return
		}
		p.next, p.end = r.ProducerIDStart, r.ProducerIDStart+int64(r.ProducerIDLen)
		p.serve()
	})
}

// serve hands out what there is, in order, and asks for more if that was not enough.
func (p *producerIDs) serve() {
	for len(p.waiting) > 0 && p.next < p.end {
		done := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.next++
		done(p.next-1, 0)
	}
	if len(p.waiting) > 0 {
		p.ask()
	}
}

// fail tells all that wait to come again.
func (p *producerIDs) fail() {
	waiting := p.waiting
	p.waiting = nil
	for _, done := range waiting {
		done(-1, kerr.CoordinatorLoadInProgress.Code)
	}
}
