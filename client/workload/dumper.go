package workload

import (
	"errors"

	"trial/checks/history"
	"trial/client"
	"trial/engine"
)

// dumper reads each partition from its start to the end that the leader told,
// one after the other, and writes the result down when it is whole.
type dumper struct {
	*program
	a     *client.Admin
	k     *client.Consumer
	next  int // partition, over all topics
	begun bool

	topic     string
	id        client.TopicID
	partition int32
	start     int64 // -1 until the consumer has found it
	end       int64 // -1 until the leader told it
	read      []history.Event
	restarted bool // the position was set a second time: what was read is void
	why       string
	limit     engine.Timer
}

func (w *dumper) boot() (err error) {
	if w.a, err = w.newAdmin(); err != nil {
		return err
	}
	cfg := fetchConfig(w.program)
	cfg.OnRecord, cfg.OnPosition, cfg.OnError = w.onRecord, w.onPosition, w.onError
	w.k, err = client.NewConsumer(w.h, cfg)
	w.limit.Fire = w.giveUp
	return err
}

// begin starts with the next partition.
func (w *dumper) begin() {
	w.begun = true
	if w.finished() {
		return
	}
	topic, partition := w.part(w.next)
	w.topic, w.partition = w.topicName(topic), partition
	w.id, w.start, w.end, w.why = client.TopicID{}, -1, -1, ""
	w.h.SetTimer(&w.limit, w.h.Now().Add(duration(w.cfg.GiveUpMs)))
	w.askEnd()
}

// askEnd asks for the end, and again as long as there is no answer.
func (w *dumper) askEnd() {
	topic, partition := w.topic, w.partition
	w.a.ListOffsets(topic, partition, client.OffsetLatest, false, func(r client.AdminReply, o client.Offset) {
		if w.topic != topic || w.partition != partition || w.finished() {
			return
		}
		if r.Err != nil {
			w.why = "the end is not known: " + r.Err.Error()
			w.after(duration(100), w.askEnd)
			return
		}
		w.end, w.id = o.Offset, o.TopicID
		w.read = w.read[:0]
		w.k.Assign(topic, partition, client.OffsetEarliest)
	})
}

func (w *dumper) onPosition(topic string, _ client.TopicID, partition int32, offset int64, why string) {
	if topic != w.topic || partition != w.partition || w.end < 0 {
		return
	}
	if why != history.WhyStart {
		w.why = "the position was lost (" + why + ")"
		w.restarted = true
	}
	w.start = offset
	w.read = w.read[:0]
	w.check()
}

func (w *dumper) onRecord(r *client.Record) {
	if r.Topic != w.topic || r.Partition != w.partition || w.start < 0 {
		return
	}
	if r.Offset < w.end {
		w.read = append(w.read, Observed(history.Dumped, r))
	}
	w.check()
}

// check looks, in an event of its own, whether the partition is whole: the last
// offsets may hold no record, so the position decides.
func (w *dumper) check() {
	w.after(0, w.look)
}

func (w *dumper) look() {
	if w.finished() || w.start < 0 {
		return
	}
	if at, ok := w.k.Position(w.topic, w.partition); !ok || at < w.end {
		w.after(duration(20), w.look)
		return
	}
	if w.restarted { // read it once more from its present start
		w.restarted = false
		w.start, w.end = -1, -1
		w.askEnd()
		return
	}
	for _, e := range w.read {
		w.add(e)
	}
	w.finish("")
}

func (w *dumper) onError(topic string, partition int32, offset int64, err error) {
	if topic != w.topic || partition != w.partition {
		return
	}
	w.why = err.Error()
	var damaged *client.CorruptError
	if errors.As(err, &damaged) {
		w.h.Logf(engine.Warn, "dump of %s-%d@%d: %v", topic, partition, offset, err)
	}
}

func (w *dumper) giveUp() {
	why := w.why
	if why == "" {
		why = "no progress"
	}
	w.finish(why)
}

// finish ends the dump of a partition.
func (w *dumper) finish(why string) {
	if w.finished() {
		return
	}
	w.h.StopTimer(&w.limit)
	w.k.Unassign(w.topic, w.partition)
	if t, ok := w.a.Cluster().Topic(w.topic); ok && w.id == (client.TopicID{}) {
		w.id = t.ID
	}
	w.add(history.Event{Kind: history.DumpEnd, Topic: history.TopicID(w.id), Partition: w.partition, Offset: w.end, Why: why})
	w.next++
	w.start, w.end, w.topic = -1, -1, ""
	w.after(0, w.begin)
}

func (w *dumper) finished() bool { return w.next >= w.numParts() }

func (w *dumper) close(then func()) {
	if w.a != nil {
		w.a.Close()
	}
	if w.k != nil {
		w.k.Close()
	}
	then()
}
