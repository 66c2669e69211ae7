package workload

import (
	"slices"
	"strconv"

	"trial/checks/history"
	"trial/client"
	"trial/engine"
)

// churn creates, alters, widens and deletes topics beside the main ones.
type churn struct {
	*program
	a      *client.Admin
	p      *client.Producer // with Reuse: fills the newest topic
	made   int
	topics []sideTopic
	open   int
}

// sideTopic is a topic that this client believes to exist.
type sideTopic struct {
	name       string
	partitions int
}

// maxSideTopics bounds how many side topics exist at a time.
const maxSideTopics = 3

func (w *churn) boot() (err error) {
	w.a, err = w.newAdmin()
	return err
}

func (w *churn) begin() {
	if w.over() {
		return
	}
	switch pick := w.rng.Pick(4); {
	case len(w.topics) == 0, pick == 0 && len(w.topics) < maxSideTopics:
		w.create()
	case pick <= 1:
		w.alter(w.rng.Pick(len(w.topics)))
	case pick == 2:
		w.widen(w.rng.Pick(len(w.topics)))
	default:
		w.remove(w.rng.Pick(len(w.topics)))
	}
}

// invoke writes an operation down and returns what to call at its end.
func (w *churn) invoke(why string, then func(r client.AdminReply)) func(client.AdminReply) {
	op := w.run.History.NewOp()
	w.add(history.Event{Kind: history.AdminInvoked, Op: op, Why: why})
	w.open++
	return func(r client.AdminReply) {
		w.open--
		w.add(history.Event{Kind: history.AdminDone, Op: op, Outcome: r.Outcome, Err: r.Code, Why: why})
		then(r)
		w.after(w.jittered(duration(w.cfg.EveryMs)), w.begin)
	}
}

func (w *churn) create() {
	name := w.newName()
	n := int(w.rng.Between(1, 3))
	spec := client.TopicSpec{Name: name, Partitions: int32(n), Replicas: int16(w.cfg.Replicas)}
	if w.cfg.Reuse != 0 {
		spec.Configs = []client.ConfigChange{{Name: "min.insync.replicas", Value: strconv.Itoa(w.cfg.MinISR)}}
	}
	w.a.CreateTopic(spec, w.invoke("create "+name, func(r client.AdminReply) {
		if r.Outcome != history.Fail || r.Code == codeTopicExists && w.cfg.Reuse != 0 {
			w.topics = append(w.topics, sideTopic{name, n})
			w.fill(name, n)
		}
	}))
}

// newName is a name that no topic has, with Reuse one that another may have had.
func (w *churn) newName() string {
	prefix := "side-" + strconv.Itoa(int(w.h.Node())) + "-"
	if w.cfg.Reuse == 0 {
		w.made++
		return prefix + strconv.FormatUint(uint64(w.h.Incarnation()), 10) + "-" + strconv.Itoa(w.made)
	}
	for i := 1; ; i++ {
		name := prefix + strconv.Itoa(i)
		if !slices.ContainsFunc(w.topics, func(t sideTopic) bool { return t.name == name }) {
			return name
		}
	}
}

// fill sends the records of a new topic, each with a value of its own. What becomes
// of them is the replicas' affair: the judges of histories hear nothing. The producer
// is a fresh one: another would take the topic for the earlier one of that name first,
// and give the records up.
func (w *churn) fill(name string, partitions int) {
	if w.cfg.Reuse == 0 {
		return
	}
	if w.p != nil {
		w.p.Close()
	}
	cfg := client.DefaultProducerConfig(w.run.Bootstrap...)
	w.cfg.base(w.run, &cfg.Config)
	cfg.DeliveryTimeout = cfg.Linger + 2*cfg.RequestTimeout
	var err error
	if w.p, err = client.NewProducer(w.h, cfg); err != nil {
		w.h.Logf(engine.Error, "%s: %v", w.cfg.Role, err)
		return
	}
	for i := range w.cfg.Records {
		value := strconv.AppendInt(nil, w.rng.N(1<<40), 36)
		m := &client.Message{Topic: name, Partition: int32(i % partitions), Value: value, Done: func(*client.Message, client.Result) {}}
		if w.p.Send(m) != nil {
			return
		}
	}
}

func (w *churn) alter(i int) {
	name := w.topics[i].name
	change := client.ConfigChange{Name: "segment.bytes", Value: strconv.FormatInt(w.rng.Between(1, 64)<<14, 10)}
	if w.rng.Chance(1, 4) {
		change = client.ConfigChange{Name: "segment.bytes", Delete: true}
	}
	w.a.AlterConfigs(client.ResourceTopic, name, []client.ConfigChange{change}, w.invoke("alter "+name, func(r client.AdminReply) {
		w.noteGone(name, r)
	}))
}

func (w *churn) widen(i int) {
	t := &w.topics[i]
	name, count := t.name, t.partitions+1
	w.a.CreatePartitions(name, int32(count), w.invoke("widen "+name, func(r client.AdminReply) {
		if r.Outcome != history.Fail {
			for j := range w.topics {
				if w.topics[j].name == name {
					w.topics[j].partitions = count
				}
			}
		}
		w.noteGone(name, r)
	}))
}

func (w *churn) remove(i int) {
	name := w.topics[i].name
	w.a.DeleteTopic(name, w.invoke("delete "+name, func(r client.AdminReply) {
		if r.Outcome == history.OK {
			w.forget(name)
		}
		w.noteGone(name, r)
	}))
}

// noteGone forgets a topic that the cluster does not know, after a change of
// unknown outcome.
func (w *churn) noteGone(name string, r client.AdminReply) {
	const unknownTopic = 3
	if r.Code == unknownTopic {
		w.forget(name)
	}
}

func (w *churn) forget(name string) {
	for i := range w.topics {
		if w.topics[i].name == name {
			w.topics = append(w.topics[:i], w.topics[i+1:]...)
			return
		}
	}
}

func (w *churn) finished() bool { return w.over() && w.open == 0 || w.cfg.UntilMs == 0 }

func (w *churn) close(then func()) {
	if w.a != nil {
		w.a.Close()
	}
	if w.p != nil {
		w.p.Close()
	}
	then()
}
