package cluster

import (
	"slices"
	"strconv"

	"trial/checks"
	"trial/checks/history"
	"trial/checks/liveness"
	"trial/client/workload"
	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/view"
)

// watch shows the world to the liveness judge.
type watch struct {
	w      *world
	cursor int // events of the history that were looked at
	healed bool
	open   []liveness.Op
	where  []opened // of the same operations
	parts  []partitionWatch
}

// partitionWatch is what clients do with a partition.
type partitionWatch struct {
	topic          history.TopicID
	partition      int32
	tried          bool // a send was invoked after healing
	produced, read clock.Instant
}

func newWatch(w *world) watch { return watch{w: w} }

func (t *watch) part(id history.TopicID, partition int32) *partitionWatch {
	i := slices.IndexFunc(t.parts, func(p partitionWatch) bool { return p.topic == id && p.partition == partition })
	if i < 0 {
		i = len(t.parts)
		t.parts = append(t.parts, partitionWatch{topic: id, partition: partition})
	}
	return &t.parts[i]
}

// catchUp goes through the events that are new.
func (t *watch) catchUp() {
	events := t.w.history.Events
	healing := !t.healed
	for ; t.cursor < len(events); t.cursor++ {
		e := &events[t.cursor]
		switch e.Kind {
		case history.SendInvoked:
			t.begin(e, "send")
			if !healing && e.Client < int32(firstSpareID) { // by hand is not tried: nobody may be there to read it
				t.part(e.Topic, e.Partition).tried = true
			}
		case history.ListInvoked:
			t.begin(e, "list offsets")
		case history.AdminInvoked:
			t.begin(e, e.Why)
		case history.SendDone:
			if op := t.end(e.Op); op != nil && e.Outcome == history.OK {
				t.part(op.topic, op.partition).produced = e.At
			}
		case history.ListDone, history.AdminDone:
			t.end(e.Op)
		case history.Delivered:
			t.part(e.Topic, e.Partition).read = e.At
		case history.ClientCrashed:
			t.forget(e.Client)
		}
	}
	t.healed = true
}

// opened is an open operation with its partition.
type opened struct {
	topic     history.TopicID
	partition int32
}

func (t *watch) begin(e *history.Event, what string) {
	t.open = append(t.open, liveness.Op{ID: e.Op, Client: e.Client, What: what, Invoked: e.At})
	t.where = append(t.where, opened{e.Topic, e.Partition})
}

func (t *watch) end(id int64) *opened {
	i := slices.IndexFunc(t.open, func(o liveness.Op) bool { return o.ID == id })
	if i < 0 {
		return nil
	}
	at := t.where[i]
	t.open, t.where = slices.Delete(t.open, i, i+1), slices.Delete(t.where, i, i+1)
	return &at
}

func (t *watch) forget(client int32) {
	for i := len(t.open) - 1; i >= 0; i-- {
		if t.open[i].Client == client {
			t.open, t.where = slices.Delete(t.open, i, i+1), slices.Delete(t.where, i, i+1)
		}
	}
}

// view is the world at this moment. While producers write, their open operations
// say nothing.
func (t *watch) view(idle bool) *liveness.View {
	t.catchUp()
	v := &liveness.View{At: t.w.Now()}
	if idle {
		v.Open = slices.Clone(t.open)
	}
	im := t.w.newestImage()
	for k := int32(1); k <= t.w.plan.Brokers; k++ {
		n := liveness.Node{ID: k, Controller: -1, Up: t.w.Running(engine.NodeID(k)), NoBroker: !t.w.plan.isBroker(k)}
		if b := t.w.broker(k); b != nil {
			bv := b.View()
			n.Controller, n.ControllerEpoch, n.MetadataOffset = bv.ControllerID, bv.ControllerEpoch, bv.MetadataOffset
			n.Active = bv.ControllerID == k
		}
		if reg := im.Broker(k); reg != nil {
			n.Registered, n.Unfenced = true, !reg.Fenced && !reg.InControlledShutdown
		}
		v.Nodes = append(v.Nodes, n)
	}
	type end struct{ hw, leo int64 }
	leaders := map[view.TP]end{}
	t.w.replicas(func(node int32, r *view.Replica) {
		if p := im.Partition(r.Topic, r.Partition); r.Leading && p != nil && p.Leader == node && p.LeaderEpoch == r.LeaderEpoch {
			leaders[r.TP] = end{r.HW, r.LEO}
		}
	})
	consumers := slices.ContainsFunc(t.w.plan.Clients, func(c Client) bool { return c.Role == workload.Consumer })
	for _, topic := range im.Topics() {
		for i, p := range topic.Partitions {
			tp := view.TP{Topic: topic.Name, ID: view.TopicID(topic.ID), Partition: int32(i)}
			e, leads := leaders[tp]
			if !leads {
				e = end{-1, 0} // it has not heard yet: nothing has come to rest
			}
			c := t.part(history.TopicID(topic.ID), int32(i))
			read := c.read
			if !consumers {
				read = v.At // nobody tries
			}
			v.Partitions = append(v.Partitions, liveness.Partition{
				Name: topic.Name + "-" + strconv.Itoa(i), Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, Replicas: p.Replicas, ISR: p.ISR, ELR: p.ELR,
				LegalOffline: t.w.legalOffline(p), HW: e.hw, LEO: e.leo, Idle: idle, LastProduce: c.produced, LastFetch: read, Probed: c.tried && !idle,
			})
		}
	}
	return v
}

// checkConfig is what the judges know of the plan.
func (p *Plan) checkConfig() checks.Config {
	c := checks.Config{Timeouts: p.timeouts(), ELR: p.ELR}
	for id := int32(1); id <= p.Brokers; id++ {
		c.Brokers = append(c.Brokers, id)
	}
	c.Voters = p.voters()
	c.FirstAlone = len(p.Clients) > 0 && !slices.ContainsFunc(p.Clients, func(c Client) bool { return c.FirstTogether != 0 })
	for i := range p.Topics {
		c.Topics = append(c.Topics, p.checkTopic(&p.Topics[i]))
	}
	c.Default = p.checkTopic(&Topic{Partitions: 1, Replicas: 1})
	return c
}

func (p *Plan) checkTopic(t *Topic) checks.Topic {
	return checks.Topic{
		Name: t.Name, Partitions: t.Partitions, Replication: t.Replicas, MinISR: int32(p.number(t, "min.insync.replicas", 1)),
		Unclean:   p.Config(t, "unclean.leader.election.enable") == "true",
		FlushEach: p.Config(t, "flush.messages") == "1" || p.Setting("log.flush.interval.messages") == "1",
	}
}

// number reads a whole number of a topic's or the brokers' configs.
func (p *Plan) number(t *Topic, key string, def int64) int64 {
	if n, err := strconv.ParseInt(p.Config(t, key), 10, 64); err == nil {
		return n
	}
	return def
}

func (p *Plan) timeouts() checks.Timeouts {
	none := &Topic{}
	ms := func(key string, def int64) clock.Duration { return clock.Ms(p.number(none, key, def)) }
	t := checks.Timeouts{
		ElectionMax:   2 * ms("controller.quorum.election.timeout.ms", 1000),
		FetchTimeout:  ms("controller.quorum.fetch.timeout.ms", 2000),
		BrokerSession: ms("broker.session.timeout.ms", 9000),
		ReplicaLag:    ms("replica.lag.time.max.ms", 30_000),
	}
	for _, c := range p.Clients {
		t.Request = max(t.Request, clock.Ms(int64(c.RequestMs)))
		t.LongestClient = max(t.LongestClient, clock.Ms(int64(c.DeliveryMs)), 2*clock.Ms(int64(c.RequestMs)))
	}
	return t
}
