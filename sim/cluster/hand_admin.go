package cluster

import (
	"slices"
	"strconv"

	"trial/checks"
	"trial/checks/history"
	"trial/client"
	"trial/client/workload"
	"trial/clock"
	"trial/engine"
)

// Asked is one thing that an Admin was asked to do.
type Asked struct {
	What string
	// Outcome: OK done, Fail certainly without effect, Info unknown; zero while it is open.
	Outcome history.Outcome
	Err     error
	Offset  int64 // of Admin.Offset, -1 unknown
	At      clock.Instant
}

// Done reports whether the outcome is settled, be it unknown.
func (a *Asked) Done() bool { return a.Outcome != 0 }

// OK reports whether it was done.
func (a *Asked) OK() bool { return a.Outcome == history.OK }

func (a *Asked) end(at clock.Instant, outcome history.Outcome, err error) {
	if !a.Done() {
		a.At, a.Outcome, a.Err = at, outcome, err
	}
}

// Admin changes topics and asks for offsets as a Stage's caller says.
type Admin struct {
	s    *Stage
	hand *hand
	cfg  client.AdminConfig
}

// Admin starts an admin client on a node of its own. change, if given, edits its
// configuration, which begins with Kafka's defaults.
func (s *Stage) Admin(name string, change ...func(*client.AdminConfig)) (*Admin, error) {
	a := &Admin{s: s, cfg: client.DefaultAdminConfig(s.run.clients.Bootstrap...)}
	a.cfg.ClientID = name
	for _, f := range change {
		f(&a.cfg)
	}
	if err := a.cfg.Validate(); err != nil {
		return nil, err
	}
	h, err := s.newHand(name, workload.Admin, func() life { return &administering{a: a} })
	if err != nil {
		return nil, err
	}
	a.hand = h
	s.run.panel.AddClient(a.cfg.RequestTimeout, a.cfg.APITimeout+a.cfg.RequestTimeout)
	return a, nil
}

// Name is the name of the admin's node.
func (a *Admin) Name() string { return a.hand.name }

// CreateTopic creates a topic, and tells the judges its configs.
func (a *Admin) CreateTopic(t Topic) *Asked {
	spec := client.TopicSpec{Name: t.Name, Partitions: t.Partitions, Replicas: int16(t.Replicas)}
	for _, c := range t.Configs {
		spec.Configs = append(spec.Configs, client.ConfigChange{Name: c.Key, Value: c.Value})
	}
	a.s.later = append(a.s.later, a.s.run.plan.checkTopic(&t))
	return a.ask("create "+t.Name, func(c *client.Admin, done func(client.AdminReply)) { c.CreateTopic(spec, done) })
}

// DeleteTopic deletes a topic.
func (a *Admin) DeleteTopic(name string) *Asked {
	return a.ask("delete "+name, func(c *client.Admin, done func(client.AdminReply)) { c.DeleteTopic(name, done) })
}

// CreatePartitions widens a topic to so many partitions.
func (a *Admin) CreatePartitions(topic string, count int32) *Asked {
	return a.ask("widen "+topic, func(c *client.Admin, done func(client.AdminReply)) { c.CreatePartitions(topic, count, done) })
}

// SetTopicConfig sets a config of a topic; value "" takes it back to its default.
// The judges go on with what the topic was created with, so min.insync.replicas,
// unclean.leader.election.enable and flush.messages are better not changed.
func (a *Admin) SetTopicConfig(topic, key, value string) *Asked {
	change := client.ConfigChange{Name: key, Value: value, Delete: value == ""}
	return a.ask("alter "+topic, func(c *client.Admin, done func(client.AdminReply)) {
		c.AlterConfigs(client.ResourceTopic, topic, []client.ConfigChange{change}, done)
	})
}

// SetBrokerConfig sets a dynamic config of a broker, or of all with broker 0.
func (a *Admin) SetBrokerConfig(broker int32, key, value string) *Asked {
	name := ""
	if broker > 0 {
		name = strconv.Itoa(int(broker))
	}
	change := client.ConfigChange{Name: key, Value: value, Delete: value == ""}
	return a.ask("alter broker "+name, func(c *client.Admin, done func(client.AdminReply)) {
		c.AlterConfigs(client.ResourceBroker, name, []client.ConfigChange{change}, done)
	})
}

// Offset asks for the first offset (FromStart) or the end (FromEnd) of a partition.
func (a *Admin) Offset(topic string, partition int32, which int64) *Asked {
	asked := &Asked{What: "offset of " + topic + "-" + itoa32(partition), Offset: -1}
	a.run(asked, func(l *administering) { l.offset(asked, topic, partition, which) })
	return asked
}

func (a *Admin) ask(what string, do func(*client.Admin, func(client.AdminReply))) *Asked {
	asked := &Asked{What: what, Offset: -1}
	a.run(asked, func(l *administering) {
		op := a.hand.w.history.NewOp()
		l.add(history.Event{Kind: history.AdminInvoked, Op: op, Why: what})
		do(l.c, func(r client.AdminReply) {
			l.add(history.Event{Kind: history.AdminDone, Op: op, Outcome: r.Outcome, Err: r.Code, Why: what})
			l.done(asked, r.Outcome, r.Err)
		})
	})
	return asked
}

func (a *Admin) run(asked *Asked, do func(*administering)) {
	l, _ := a.hand.life.(*administering)
	if l == nil || !a.hand.call(func() { do(l) }) {
		asked.end(a.hand.w.Now(), history.Fail, ErrDown)
		return
	}
	l.open = append(l.open, asked)
}

// administering is one life of an Admin.
type administering struct {
	a      *Admin
	h      engine.Host
	c      *client.Admin
	open   []*Asked
	ending bool
}

// Boot starts the client.
func (l *administering) Boot(h engine.Host) {
	l.h = h
	l.a.hand.w.clients.Started(h)
	c, err := client.NewAdmin(h, l.a.cfg)
	if err != nil {
		l.a.hand.end(h, err)
		return
	}
	l.c = c
}

// Accept refuses: nobody connects to a client.
func (l *administering) Accept(engine.ConnID, engine.ListenerID, string) engine.ConnHandler {
	return nil
}

// Stop ends the client when its last call has ended.
func (l *administering) Stop() {
	l.ending = true
	l.finish()
}

func (l *administering) finish() {
	if l.ending && len(l.open) == 0 {
		l.c.Close()
		l.a.hand.end(l.h, nil)
	}
}

func (l *administering) add(e history.Event) {
	e.At, e.Client = l.h.Now(), int32(l.h.Node())
	l.a.hand.w.history.Add(e)
}

func (l *administering) done(asked *Asked, outcome history.Outcome, err error) {
	asked.end(l.h.Now(), outcome, err)
	l.open = slices.DeleteFunc(l.open, func(o *Asked) bool { return o == asked })
	l.finish()
}

func (l *administering) offset(asked *Asked, topic string, partition int32, which int64) {
	w := l.a.hand.w
	id := history.TopicID{}
	if t := w.newestImage().Topic(topic); t != nil {
		id = history.TopicID(t.ID)
	}
	op := w.history.NewOp()
	l.add(history.Event{Kind: history.ListInvoked, Op: op, Topic: id, Partition: partition, Query: which})
	l.c.ListOffsets(topic, partition, which, false, func(r client.AdminReply, o client.Offset) {
		e := history.Event{Kind: history.ListDone, Op: op, Outcome: r.Outcome, Offset: o.Offset, LeaderEpoch: o.LeaderEpoch, Err: r.Code}
		if r.Outcome != history.OK || history.TopicID(o.TopicID) != id { // a query has no effect
			e.Outcome, e.Offset = history.Fail, -1
		}
		l.add(e)
		asked.Offset = o.Offset
		if r.Err != nil {
			asked.Offset = -1
		}
		l.done(asked, r.Outcome, r.Err)
	})
}

// lost settles what the process had under way.
func (l *administering) lost() {
	now := l.a.hand.w.Now()
	for _, o := range l.open {
		o.end(now, history.Info, ErrCrashed)
	}
	l.open = nil
}

// laterTopic tells the judges of topics that were created by hand.
func (s *Stage) laterTopic(name string) (checks.Topic, bool) {
	i := slices.IndexFunc(s.later, func(t checks.Topic) bool { return t.Name == name })
	if i < 0 {
		return checks.Topic{}, false
	}
	return s.later[i], true
}
