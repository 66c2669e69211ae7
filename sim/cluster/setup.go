package cluster

import (
	"fmt"

	"trial/checks/history"
	"trial/client"
	"trial/engine"
)

// The nodes that the run itself adds: who creates the topics and who reads
// everything at the end.
const (
	setupName = "setup"
	dumpName  = "dump"
)

// setup creates the plan's topics, one after the other, until all are there.
type setup struct {
	topics    []Topic
	bootstrap []string
	history   *history.History

	h     engine.Host
	admin *client.Admin
	timer engine.Timer
	done  int
}

const (
	topicAlreadyExists = 36 // TOPIC_ALREADY_EXISTS: an answer was lost
	setupRetryMs       = 100
)

// Boot starts creating.
func (s *setup) Boot(h engine.Host) {
	s.h = h
	a, err := client.NewAdmin(h, client.DefaultAdminConfig(s.bootstrap...))
	if err != nil {
		h.Exit(fmt.Errorf("setup: %w", err))
		return
	}
	s.admin = a
	s.timer.Fire = s.next
	s.next()
}

func (s *setup) next() {
	if s.finished() {
		return
	}
	t := &s.topics[s.done]
	spec := client.TopicSpec{Name: t.Name, Partitions: t.Partitions, Replicas: int16(t.Replicas)}
	for _, c := range t.Configs {
		spec.Configs = append(spec.Configs, client.ConfigChange{Name: c.Key, Value: c.Value})
	}
	op := s.history.NewOp()
	why := "create " + t.Name
	s.history.Add(history.Event{At: s.h.Now(), Client: int32(s.h.Node()), Kind: history.AdminInvoked, Op: op, Why: why})
	s.admin.CreateTopic(spec, func(r client.AdminReply) {
		s.history.Add(history.Event{At: s.h.Now(), Client: int32(s.h.Node()), Kind: history.AdminDone, Op: op, Outcome: r.Outcome, Err: r.Code, Why: why})
		if r.Err == nil || r.Code == topicAlreadyExists {
			s.done++
			s.next()
			return
		}
		s.h.Logf(engine.Warn, "creating topic %s: %v", t.Name, r.Err)
		s.h.SetTimer(&s.timer, s.h.Now()+setupRetryMs*1_000_000)
	})
}

func (s *setup) finished() bool { return s.done == len(s.topics) }

// Accept refuses: nobody connects to a client.
func (s *setup) Accept(engine.ConnID, engine.ListenerID, string) engine.ConnHandler { return nil }

// Stop ends the node.
func (s *setup) Stop() { s.h.Exit(nil) }
