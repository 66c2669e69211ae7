package control

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine"
	"trial/engine/kafka/control/image"
	"trial/internal/mutant"
)

// onRegister registers a broker's incarnation (ClusterControlManager.registerBroker).
// The broker epoch is the offset of the registration record.
func (c *controller) onRegister(to Responder, req *kmsg.BrokerRegistrationRequest) {
	resp := req.ResponseKind().(*kmsg.BrokerRegistrationResponse)
	resp.BrokerEpoch = -1
	old := c.work.Broker(req.BrokerID)
	if resp.ErrorCode = c.checkRegistration(req, old); resp.ErrorCode != 0 {
		c.answer(to, req, resp)
		return
	}
	d := c.decide()
	if !c.sameIncarnation(old, req) {
		resp.BrokerEpoch = c.registerIncarnation(d, req, old)
	} else {
		// The same incarnation again: its answer was lost, or it amends itself.
		resp.BrokerEpoch = old.Epoch
		rec := registration(req)
		rec.BrokerEpoch, rec.Fenced, rec.InControlledShutdown = old.Epoch, old.Fenced, old.InControlledShutdown
		d.add(rec)
	}
	if !d.commit() {
		resp.BrokerEpoch, resp.ErrorCode = -1, kerr.UnknownServerError.Code
	} else {
		c.sess.open(req.BrokerID, c.h.Now())
	}
	c.answer(to, req, resp)
}

// registerIncarnation writes a new incarnation, fenced. What its predecessor had
// not synced may be gone, so it leaves every ISR, and after an unclean shutdown
// every ELR (KIP-966): it comes back by fetching.
func (c *controller) registerIncarnation(d *decision, req *kmsg.BrokerRegistrationRequest, old *image.Broker) int64 {
	clean := old != nil && req.Version >= 3 && req.PreviousBrokerEpoch == old.Epoch
	who := leaving{remove: req.BrokerID, unclean: image.NoLeader}
	if !clean && !c.seemsClean(req.BrokerID) {
		who.unclean = req.BrokerID
	}
	c.leaveAll(d, who)
	rec := registration(req)
	rec.BrokerEpoch, rec.Fenced = d.next(), true
	d.add(rec)
	if clean {
		c.clean = append(c.clean, cleanEpoch{rec.BrokerID, rec.BrokerEpoch})
		if len(c.clean) > 64 {
			c.clean = slices.Delete(c.clean, 0, 1)
		}
	}
	c.h.Logf(engine.Info, "broker %d registers a new incarnation, epoch %d, clean %v", req.BrokerID, rec.BrokerEpoch, clean)
	return rec.BrokerEpoch
}

// seemsClean is the planted bug REP-23 (KAFKA-15586, KAFKA-18106): after an unclean
// shutdown a broker stays eligible to lead what it may have lost.
func (c *controller) seemsClean(id int32) bool {
	if !mutant.Enabled || c.cfg.Mutant != mutant.REP23 {
		return false
	}
	c.h.Probe("mutant.reached")
	for _, t := range c.work.Topics() {
		for _, p := range t.Partitions {
			if slices.Contains(p.ELR, id) || slices.Contains(p.ISR, id) {
				c.h.Probe("mutant.infected")
			}
		}
	}
	return true
}

func (c *controller) checkRegistration(req *kmsg.BrokerRegistrationRequest, old *image.Broker) int16 {
	switch {
	case req.ClusterID != c.cfg.ClusterID:
		return kerr.InconsistentClusterID.Code
	case old != nil && old.Incarnation != req.IncarnationID && !old.InControlledShutdown &&
		c.sess.valid(req.BrokerID, c.h.Now(), c.cfg.SessionTimeout):
		return kerr.DuplicateBrokerRegistration.Code
	case req.IsMigratingZkBroker:
		return kerr.BrokerIDNotRegistered.Code
	case req.BrokerID < 0 || !c.dirsFit(req):
		return kerr.InvalidRegistration.Code
	}
	for _, f := range c.work.Features() {
		i := slices.IndexFunc(req.Features, func(s kmsg.BrokerRegistrationRequestFeature) bool { return s.Name == f.Name })
		if i < 0 || f.Level < req.Features[i].MinSupportedVersion || f.Level > req.Features[i].MaxSupportedVersion {
			return kerr.UnsupportedVersion.Code
		}
	}
	return 0
}

// dirsFit: a broker names at least one log directory, each once, none reserved and
// none of another broker (KIP-858).
func (c *controller) dirsFit(req *kmsg.BrokerRegistrationRequest) bool {
	if req.Version < 2 {
		return true
	}
	for i, d := range req.LogDirs {
		if reservedDir(d) || slices.Contains(req.LogDirs[:i], d) {
			return false
		}
		for _, b := range c.work.Brokers() {
			if b.ID != req.BrokerID && slices.Contains(b.LogDirs, d) {
				return false
			}
		}
	}
	return len(req.LogDirs) > 0
}

func registration(req *kmsg.BrokerRegistrationRequest) *image.RegisterBroker {
	rec := &image.RegisterBroker{BrokerID: req.BrokerID, IncarnationID: req.IncarnationID, Rack: req.Rack,
		LogDirs: slices.Clone(req.LogDirs)}
	for _, l := range req.Listeners {
		rec.Endpoints = append(rec.Endpoints, image.Endpoint{Name: l.Name, Host: l.Host, Port: l.Port, Protocol: l.SecurityProtocol})
	}
	for _, f := range req.Features {
		rec.Features = append(rec.Features, image.FeatureRange{Name: f.Name, Min: f.MinSupportedVersion, Max: f.MaxSupportedVersion})
	}
	return rec
}

// checkEpoch fences requests of a broker's earlier incarnations.
func (c *controller) checkEpoch(id int32, epoch int64) int16 {
	b := c.work.Broker(id)
	switch {
	case b == nil:
		return kerr.BrokerIDNotRegistered.Code
	case b.Epoch != epoch:
		return kerr.StaleBrokerEpoch.Code
	}
	return 0
}

// sameIncarnation reports whether a registration comes from the process that is
// registered already. With the planted bug CTL-10 (KAFKA-7235, KAFKA-16952) any
// process of the broker passes for it, and gets the broker epoch of an earlier one.
func (c *controller) sameIncarnation(old *image.Broker, req *kmsg.BrokerRegistrationRequest) bool {
	same := old != nil && old.Incarnation == req.IncarnationID
	if mutant.Enabled && c.cfg.Mutant == mutant.CTL10 && old != nil {
		c.h.Probe("mutant.reached")
		if !same {
			c.h.Probe("mutant.infected")
		}
		return true
	}
	return same
}

// standing is where a broker is in its life, as the controller sees it.
type standing uint8

const (
	fenced standing = iota
	unfenced
	stopping // in controlled shutdown
	mayStop
)

// onHeartbeat moves a broker through its life (BrokerHeartbeatManager.
// calculateNextBrokerState).
func (c *controller) onHeartbeat(to Responder, req *kmsg.BrokerHeartbeatRequest) {
	resp := req.ResponseKind().(*kmsg.BrokerHeartbeatResponse)
	resp.IsFenced = true
	if resp.ErrorCode = c.checkEpoch(req.BrokerID, req.BrokerEpoch); resp.ErrorCode != 0 {
		c.answer(to, req, resp)
		return
	}
	if c.sess.of(req.BrokerID) == nil {
		c.sess.open(req.BrokerID, c.h.Now())
	}
	b, s := c.work.Broker(req.BrokerID), c.sess.of(req.BrokerID)
	// Its own offset counts, before we ask for the lowest of all.
	s.contact, s.metadata = c.h.Now(), max(s.metadata, req.CurrentMetadataOffset)
	now, next := c.standings(b, s, req)
	d := c.decide()
	if now != next {
		switch next {
		case fenced, mayStop:
			c.fence(d, b)
		case unfenced:
			c.unfence(d, b)
		case stopping:
			c.beginStop(d, b)
		}
	}
	c.dirsOffline(d, req)
	moved := len(d.records) > 0
	if !d.commit() {
		resp.ErrorCode = kerr.UnknownServerError.Code
		c.answer(to, req, resp)
		return
	}
	if next == stopping && (moved || s.handover < 0) {
		s.handover = c.work.Offset() - 1
	}
	s.left = next == mayStop
	resp.IsCaughtUp = req.CurrentMetadataOffset >= b.RegisteredAt
	resp.IsFenced = next == fenced || next == mayStop
	resp.ShouldShutdown = next == mayStop
	c.answer(to, req, resp)
}

func (c *controller) standings(b *image.Broker, s *session, req *kmsg.BrokerHeartbeatRequest) (now, next standing) {
	switch {
	case b.Fenced:
		switch {
		case req.WantShutdown:
			return fenced, mayStop
		case c.staysFenced(s):
		case !req.WantFence && req.CurrentMetadataOffset >= b.RegisteredAt:
			return fenced, unfenced
		}
		return fenced, fenced
	case b.InControlledShutdown:
		if c.leadsAny(b.ID) || s.handover < 0 || s.handover > c.sess.lowestActive(c.work) {
			return stopping, stopping
		}
		return stopping, mayStop
	case req.WantFence && req.WantShutdown:
		return unfenced, mayStop
	case req.WantFence:
		return unfenced, fenced
	case req.WantShutdown && c.leadsAny(b.ID):
		return unfenced, stopping
	case req.WantShutdown:
		return unfenced, mayStop
	}
	return unfenced, unfenced
}

func (c *controller) leadsAny(id int32) bool {
	for _, t := range c.work.Topics() {
		for _, p := range t.Partitions {
			if p.Leader == id {
				return true
			}
		}
	}
	return false
}

// fence takes a broker out of every ISR and leadership, then out of service.
func (c *controller) fence(d *decision, b *image.Broker) {
	c.leaveAll(d, leaving{remove: b.ID, unclean: image.NoLeader})
	if !b.Fenced {
		d.add(&image.BrokerRegistrationChange{BrokerID: b.ID, BrokerEpoch: b.Epoch, Fenced: 1})
	}
	c.h.Logf(engine.Info, "broker %d is fenced", b.ID)
}

// staysFenced is the planted bug SYN-V2: a broker whose session has run out is
// unfenced only when it registers again, which it has no reason to do.
func (c *controller) staysFenced(s *session) bool {
	if !mutant.Enabled || c.cfg.Mutant != mutant.SynV2 {
		return false
	}
	c.h.Probe("mutant.reached")
	if s.expired {
		c.h.Probe("mutant.infected")
	}
	return s.expired
}

// unfence lets a broker serve and gives it the leaderless partitions it may lead.
func (c *controller) unfence(d *decision, b *image.Broker) {
	d.add(&image.BrokerRegistrationChange{BrokerID: b.ID, BrokerEpoch: b.Epoch, Fenced: -1})
	if !c.leavesLeaderless() {
		c.electLeaderless(d)
	}
	c.h.Logf(engine.Info, "broker %d is unfenced", b.ID)
}

// leavesLeaderless is the planted bug SYN-V3: a broker that comes back is not asked
// to lead what has no leader.
func (c *controller) leavesLeaderless() bool {
	if !mutant.Enabled || c.cfg.Mutant != mutant.SynV3 {
		return false
	}
	c.h.Probe("mutant.reached")
	if c.leadsAny(image.NoLeader) {
		c.h.Probe("mutant.infected")
	}
	return true
}

// beginStop starts a controlled shutdown.
func (c *controller) beginStop(d *decision, b *image.Broker) {
	d.add(&image.BrokerRegistrationChange{BrokerID: b.ID, BrokerEpoch: b.Epoch, InControlledShutdown: 1})
	c.leaveAll(d, leaving{remove: b.ID, unclean: image.NoLeader})
	c.h.Logf(engine.Info, "broker %d begins its controlled shutdown", b.ID)
}

// onStaleCheck fences the brokers whose session has run out, every eighth of it.
func (c *controller) onStaleCheck() {
	if !c.active {
		return
	}
	c.arm(&c.stale, c.cfg.SessionTimeout/8)
	d := c.decide()
	for _, b := range c.work.Brokers() {
		if !b.Fenced && !c.sess.valid(b.ID, c.h.Now(), c.cfg.SessionTimeout) {
			c.fence(d, b)
			if s := c.sess.of(b.ID); s != nil {
				s.expired = true
			}
		}
	}
	d.commit()
}

// onUnregister removes a broker for good.
func (c *controller) onUnregister(to Responder, req *kmsg.UnregisterBrokerRequest) {
	resp := req.ResponseKind().(*kmsg.UnregisterBrokerResponse)
	b := c.work.Broker(req.BrokerID)
	if b == nil {
		resp.ErrorCode = kerr.BrokerIDNotRegistered.Code
		c.answer(to, req, resp)
		return
	}
	d := c.decide()
	c.leaveAll(d, leaving{remove: b.ID, unclean: b.ID}) // out of every ELR too
	d.add(&image.UnregisterBroker{BrokerID: b.ID, BrokerEpoch: b.Epoch})
	if d.commit() {
		c.sess.drop(b.ID)
	} else {
		resp.ErrorCode = kerr.UnknownServerError.Code
	}
	c.answer(to, req, resp)
}

// producerIDBlock is how many producer ids a broker gets at a time (ProducerIdsBlock).
const producerIDBlock = 1000

func (c *controller) onAllocateProducerIDs(to Responder, req *kmsg.AllocateProducerIDsRequest) {
	resp := req.ResponseKind().(*kmsg.AllocateProducerIDsResponse)
	if resp.ErrorCode = c.checkEpoch(req.BrokerID, req.BrokerEpoch); resp.ErrorCode == 0 {
		start := c.work.NextProducerID()
		d := c.decide()
		d.add(&image.ProducerIDs{BrokerID: req.BrokerID, BrokerEpoch: req.BrokerEpoch, NextProducerID: start + producerIDBlock})
		if d.commit() {
			resp.ProducerIDStart, resp.ProducerIDLen = start, producerIDBlock
		} else {
			resp.ErrorCode = kerr.UnknownServerError.Code
		}
	}
	c.answer(to, req, resp)
}
