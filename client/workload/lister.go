package workload

import (
	"trial/checks/history"
	"trial/client"
	"trial/clock"
)

func duration(ms int) clock.Duration { return clock.Ms(int64(ms)) }

// newAdmin makes the admin client of a role that needs one.
func (p *program) newAdmin() (*client.Admin, error) {
	cfg := client.DefaultAdminConfig(p.run.Bootstrap...)
	p.cfg.base(p.run, &cfg.Config)
	cfg.APITimeout = 2 * cfg.RequestTimeout
	return client.NewAdmin(p.h, cfg)
}

// lister asks for the first and last offsets of partitions in real time, one
// query at a time.
type lister struct {
	*program
	a    *client.Admin
	open int
}

func (w *lister) boot() (err error) {
	w.a, err = w.newAdmin()
	return err
}

func (w *lister) begin() {
	if w.over() {
		return
	}
	i := w.rng.Pick(w.numTopics())
	topic, partition := w.topicName(i), int32(w.rng.Pick(w.partitionsOf(i)))
	query := client.OffsetLatest
	if w.rng.Chance(1, 4) {
		query = client.OffsetEarliest
	}
	committed := w.cfg.Committed != 0 && w.rng.Chance(1, 2)
	w.a.Cluster().Want(topic)
	if t, ok := w.a.Cluster().Topic(topic); ok && partition < t.Partitions {
		w.ask(t, partition, query, committed)
		return // the next query follows the answer
	}
	w.again()
}

func (w *lister) again() {
	w.after(w.jittered(duration(w.cfg.EveryMs)), w.begin)
}

func (w *lister) ask(t client.Topic, partition int32, query int64, committed bool) {
	op := w.run.History.NewOp()
	w.add(history.Event{
		Kind: history.ListInvoked, Op: op, Topic: history.TopicID(t.ID), Partition: partition, Query: query, Committed: committed,
	})
	w.open++
	w.a.ListOffsets(t.Name, partition, query, committed, func(r client.AdminReply, o client.Offset) {
		w.open--
		e := history.Event{Kind: history.ListDone, Op: op, Outcome: r.Outcome, Offset: o.Offset, LeaderEpoch: o.LeaderEpoch, Err: r.Code}
		if r.Outcome != history.OK {
			e.Outcome, e.Offset = history.Fail, -1 // a query has no effect
		}
		w.add(e)
		w.again()
	})
}

func (w *lister) finished() bool { return w.over() && w.open == 0 || w.cfg.UntilMs == 0 }

func (w *lister) close(then func()) {
	if w.a != nil {
		w.a.Close()
	}
	then()
}
