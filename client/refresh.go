package client

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
)

// refresher keeps a Cluster's metadata fresh: when asked, at most every
// retry.backoff (growing while answers bring nothing new), and at the latest
// after metadata.max.age.
type refresher struct {
	c        *Cluster
	wanted   bool
	again    bool // asked for while a request was under way
	inFlight bool
	idle     int // answers and failures in a row that brought nothing new
	notUntil clock.Instant
	staleAt  clock.Instant
	timer    engine.Timer
}

func (r *refresher) init(c *Cluster) {
	r.c, r.staleAt = c, clock.Never
	r.timer.Fire = r.onTimer
}

func (r *refresher) stop() { r.c.h.StopTimer(&r.timer) }

func (r *refresher) request() {
	if r.c.closed {
		return
	}
	if r.inFlight {
		r.again = true
		return
	}
	r.wanted = true
	r.arm()
}

func (r *refresher) arm() {
	at := r.staleAt
	if r.wanted {
		at = r.notUntil
	}
	if at == clock.Never || r.inFlight {
		return
	}
	r.c.h.SetTimer(&r.timer, at)
}

func (r *refresher) onTimer() {
	now := r.c.h.Now()
	if r.inFlight || !(r.wanted && !now.Before(r.notUntil)) && now.Before(r.staleAt) {
		r.arm()
		return
	}
	r.wanted, r.again, r.inFlight = false, false, true
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = r.c.cfg.AllowAutoTopicCreation
	req.Topics = []kmsg.MetadataRequestTopic{} // not null: that would ask for all
	for _, t := range r.c.topics {
		rt := kmsg.NewMetadataRequestTopic()
		name := t.name
		rt.Topic = &name
		req.Topics = append(req.Topics, rt)
	}
	call := &call{req: req, done: r.onReply, timeout: r.c.cfg.RequestTimeout, max: -1, anyNode: true}
	call.deadline = now.Add(call.timeout)
	r.c.anyQueue = append(r.c.anyQueue, call)
	r.c.pumpAny()
}

func (r *refresher) onReply(reply *Reply) {
	now := r.c.h.Now()
	r.inFlight = false
	resp, ok := reply.Resp.(*kmsg.MetadataResponse)
	ok = ok && reply.Err == nil && resp.ErrorCode == codeNone
	news := ok && r.c.apply(resp)
	if news {
		r.idle = 0
	} else {
		r.idle++
	}
	r.notUntil = now.Add(backoff(r.c.cfg.RetryBackoff, r.c.cfg.RetryBackoffMax, r.idle, r.c.rng))
	if ok {
		r.staleAt = now.Add(r.c.cfg.MetadataMaxAge)
	}
	r.wanted = !ok || r.again
	r.again = false
	for _, t := range r.c.topics {
		if !t.known || t.err != codeNone {
			r.wanted = true // the topic may appear at any moment
		}
	}
	r.arm()
	r.c.notify()
}
