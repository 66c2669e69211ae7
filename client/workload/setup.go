package workload

import (
	"strconv"

	"trial/checks/history"
	"trial/client"
)

const codeTopicExists = 36

// setup creates the main topics, one after the other, until all are there. The
// other clients wait for them by their metadata.
type setup struct {
	*program
	a    *client.Admin
	next int
}

func (w *setup) boot() (err error) {
	w.a, err = w.newAdmin()
	return err
}

func (w *setup) begin() {
	if w.finished() {
		return
	}
	name := TopicName(w.next)
	op := w.run.History.NewOp()
	w.add(history.Event{Kind: history.AdminInvoked, Op: op, Why: "create " + name})
	spec := client.TopicSpec{Name: name, Partitions: int32(w.cfg.Partitions), Replicas: int16(w.cfg.Replicas), Configs: w.settings()}
	w.a.CreateTopic(spec, func(r client.AdminReply) {
		w.add(history.Event{Kind: history.AdminDone, Op: op, Outcome: r.Outcome, Err: r.Code, Why: "create " + name})
		if r.Err == nil || r.Code == codeTopicExists {
			w.next++
		}
		w.after(w.jittered(duration(100)), w.begin)
	})
}

// settings are the topic configs that the plan sets.
func (w *setup) settings() (list []client.ConfigChange) {
	add := func(name string, value int) {
		if value > 0 {
			list = append(list, client.ConfigChange{Name: name, Value: strconv.Itoa(value)})
		}
	}
	add("min.insync.replicas", w.cfg.MinISR)
	add("segment.bytes", w.cfg.SegmentBytes)
	add("segment.ms", w.cfg.SegmentMs)
	add("flush.messages", w.cfg.FlushMessages)
	add("max.message.bytes", w.cfg.MaxMessage)
	if w.cfg.Unclean != 0 {
		list = append(list, client.ConfigChange{Name: "unclean.leader.election.enable", Value: "true"})
	}
	return list
}

func (w *setup) finished() bool { return w.next >= w.cfg.Topics }

func (w *setup) close(then func()) {
	if w.a != nil {
		w.a.Close()
	}
	then()
}
