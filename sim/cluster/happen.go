package cluster

import (
	"slices"

	"trial/checks/history"
	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/view"
	"trial/faults"
)

// happenings tells a schedule what happens in the world, in the words of anchors:
// it puts facts of brokers and events of the history into them. Facts of committed
// metadata come from every node that applies them; the first one counts.
type happenings struct {
	w       *world
	on      bool // somebody watches or records
	watches []*watching
	pending []faults.Event // of the event of the world under way
	parts   []partitionState
	brokers []brokerState
	record  *recording // nil but for shrinking
}

// watching is one watch of a schedule.
type watching struct {
	event, unless faults.Event
	f             func()
	stopped       bool
}

// partitionState is a partition as the newest committed metadata has it.
type partitionState struct {
	id          view.TopicID
	partition   int32
	name        string
	offset      int64
	leader      int32
	isr         []int32
	leaderEpoch int32
}

// brokerState is the registration of a broker as the newest committed metadata has it.
type brokerState struct {
	id     int32
	offset int64
	epoch  int64
	fenced bool
}

// Holds reports whether the state that an anchor names holds now.
func (t target) Holds(e faults.Event) bool {
	switch e.What {
	case faults.Leads:
		n, ok := t.Resolve(faults.Leader, e.Of)
		return ok && n == e.On
	case faults.IsController:
		n, ok := t.activeController()
		return ok && n == e.On
	case faults.HWReaches:
		return t.highWatermark(e.Of) >= e.To
	}
	p := t.happen.part(e.Of)
	if p == nil {
		return false
	}
	if e.What == faults.NoLeader {
		return p.leader < 0
	}
	return e.What == faults.ISRIs && t.happen.members(p.isr) == e.Set
}

// highWatermark is that of the newest leader of a partition, -1 if nobody leads.
func (w *world) highWatermark(of string) int64 {
	topic, partition := splitPartition(of)
	hw, epoch := int64(-1), int32(-1)
	w.replicas(func(_ int32, r *view.Replica) {
		if r.Topic == topic && r.Partition == partition && r.Leading && r.LeaderEpoch > epoch {
			hw, epoch = r.HW, r.LeaderEpoch
		}
	})
	return hw
}

// Watch calls f whenever e happens; see faults.Watcher.
func (t target) Watch(e, unless faults.Event, f func()) (stop func()) {
	v := &watching{event: e, unless: unless, f: f}
	t.happen.watches = append(t.happen.watches, v)
	return func() { v.stopped = true }
}

// Came writes into the trace that a step of an anchor is done.
func (t target) Came(f faults.Fault, step int) {
	t.Note("anchor: %s, for: %s %v", f.Steps[step], f.When(), f)
}

// tell notes that something has happened and has the watches told of it once the
// event of the world has ended.
func (h *happenings) tell(e faults.Event) {
	if !h.on {
		return
	}
	if h.record != nil {
		h.record.happened = append(h.record.happened, happened{h.w.Now(), e})
	}
	if len(h.watches) == 0 {
		return
	}
	if len(h.pending) == 0 {
		h.w.Soon(h.told)
	}
	h.pending = append(h.pending, e)
}

// told tells the watches what has happened in the event of the world that has
// ended. What they do may make more happen: that is told after it.
func (h *happenings) told() {
	batch := h.pending
	h.pending = nil
	for _, v := range slices.Clone(h.watches) {
		if v.unless.What != "" && slices.ContainsFunc(batch, v.unless.Is) {
			continue
		}
		for _, e := range batch {
			if !v.stopped && v.event.Is(e) {
				v.f()
			}
		}
	}
	h.watches = slices.DeleteFunc(h.watches, func(v *watching) bool { return v.stopped })
}

func partitionName(tp view.TP) string { return tp.Topic + "-" + itoa32(tp.Partition) }

func (h *happenings) members(ids []int32) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = h.w.name(engine.NodeID(id))
	}
	return faults.Members(names)
}

func (h *happenings) part(name string) *partitionState {
	for i := len(h.parts) - 1; i >= 0; i-- { // of topics with one name, the newest
		if h.parts[i].name == name {
			return &h.parts[i]
		}
	}
	return nil
}

// fact puts a fact of a broker into the words of anchors.
func (h *happenings) fact(node engine.NodeID, f engine.Fact) {
	if !h.on {
		return
	}
	on := h.w.name(node)
	tell := func(tp view.TP, what ...faults.Happening) {
		for _, x := range what {
			h.tell(faults.Event{What: x, Of: partitionName(tp), On: on})
		}
	}
	switch f := f.(type) {
	case view.ProduceAcked:
		kind := faults.AckOne
		if f.Acks < 0 {
			kind = faults.AckAll
		}
		tell(f.TP, faults.Ack, kind)
	case view.Appended:
		kind := faults.FollowerAppend
		if f.AsLeader {
			kind = faults.LeaderAppend
		}
		tell(f.TP, faults.Append, kind)
	case view.HWMoved:
		if !f.Leader {
			tell(f.TP, faults.FollowerHWMove)
			return
		}
		tell(f.TP, faults.HWMove)
		h.tell(faults.Event{What: faults.HWReaches, Of: partitionName(f.TP), To: f.To})
	case view.BecameLeader:
		tell(f.TP, faults.Leadership, faults.Leads)
	case view.ISRProposed:
		tell(f.TP, faults.ISRProposal)
	case view.Truncated:
		tell(f.TP, faults.Truncation)
	case view.LogOpening:
		tell(f.TP, faults.RecoveryStart)
	case view.LogOpened:
		tell(f.TP, faults.RecoveryEnd)
	case view.QuorumRole:
		if f.Role == "leader" {
			h.tell(faults.Event{What: faults.ControllerElection, On: on})
			h.tell(faults.Event{What: faults.IsController, On: on})
		}
	case view.VoteAnswered:
		if f.Granted && !f.PreVote {
			h.tell(faults.Event{What: faults.Vote, On: on})
		}
	case view.PartitionRegistered:
		h.partition(&f)
	case view.BrokerRegistered:
		h.broker(&f)
	}
}

func (h *happenings) partition(f *view.PartitionRegistered) {
	i := slices.IndexFunc(h.parts, func(p partitionState) bool { return p.id == f.ID && p.partition == f.Partition })
	if i < 0 {
		i = len(h.parts)
		h.parts = append(h.parts, partitionState{id: f.ID, partition: f.Partition, name: partitionName(f.TP), offset: -1, leader: f.Leader})
	}
	p := &h.parts[i]
	if f.Offset <= p.offset {
		return
	}
	before := *p
	p.offset, p.leader, p.isr, p.leaderEpoch = f.Offset, f.Leader, f.ISR, f.LeaderEpoch
	e := faults.Event{Of: p.name}
	tell := func(what faults.Happening) { e.What = what; h.tell(e) }
	if before.offset >= 0 {
		if slices.ContainsFunc(before.isr, func(id int32) bool { return !slices.Contains(p.isr, id) }) {
			tell(faults.ISRShrink)
		}
		if slices.ContainsFunc(p.isr, func(id int32) bool { return !slices.Contains(before.isr, id) }) {
			tell(faults.ISRExpansion)
		}
	}
	if p.leader < 0 && (before.leader >= 0 || before.offset < 0) {
		tell(faults.NoLeader)
	}
	if set := h.members(p.isr); before.offset < 0 || set != h.members(before.isr) {
		e.Set = set
		tell(faults.ISRIs)
	}
}

func (h *happenings) broker(f *view.BrokerRegistered) {
	i := slices.IndexFunc(h.brokers, func(b brokerState) bool { return b.id == f.ID })
	if i < 0 {
		i = len(h.brokers)
		h.brokers = append(h.brokers, brokerState{id: f.ID, offset: -1, epoch: -1, fenced: true})
	}
	b := &h.brokers[i]
	if f.Offset <= b.offset {
		return
	}
	e := faults.Event{Of: h.w.name(engine.NodeID(f.ID))}
	tell := func(what faults.Happening) { e.What = what; h.tell(e) }
	if !f.Removed && f.Epoch != b.epoch {
		tell(faults.Registration)
		b.fenced = true
	}
	switch {
	case f.Removed:
	case b.fenced && !f.Fenced:
		tell(faults.Unfencing)
	case !b.fenced && f.Fenced:
		tell(faults.Fencing)
	}
	b.offset, b.epoch, b.fenced = f.Offset, f.Epoch, f.Fenced || f.Removed
}

// client puts an event of the history into the words of anchors.
func (h *happenings) client(e history.Event) {
	if !h.on {
		return
	}
	var what faults.Happening
	switch {
	case e.Kind == history.SendInvoked:
		what = faults.Send
	case e.Kind == history.Delivered:
		what = faults.Delivery
	case e.Kind == history.SendDone && e.Outcome == history.OK:
		what = faults.ConfirmedSend
	default:
		return
	}
	h.tell(faults.Event{What: what, Of: h.w.name(engine.NodeID(e.Client))})
}

// struck notes that a fault has struck.
func (h *happenings) struck(f faults.Fault, nodes []string) {
	if h.record != nil {
		h.record.strikes = append(h.record.strikes, strike{f.String(), f.Steps, h.w.Now(), nodes, len(h.record.happened)})
	}
}

// recording is what happened in a run, for those who look for anchors.
type recording struct {
	happened []happened
	strikes  []strike
}

// happened is one line of a recording.
type happened struct {
	at clock.Instant
	faults.Event
}

// strike is a fault that struck: whom, and how much had happened by then.
type strike struct {
	fault  string
	steps  []faults.Step
	at     clock.Instant
	nodes  []string
	before int // lines of the recording
}

// partitionNames lists the partitions that anchors of a plan may name.
func (p *Plan) partitionNames() []string {
	var out []string
	for _, t := range p.Topics {
		for i := range t.Partitions {
			out = append(out, t.Name+"-"+itoa32(i))
		}
	}
	return out
}
