package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/client"
	"trial/clock"
	"trial/engine"
	"trial/faults"
)

// node does to brokers or clients what the first word says.
func (p *play) node(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("%s NODE", args[0])
	}
	names, err := p.real(args[1:])
	if err != nil {
		return err
	}
	who := strings.Join(names, " ")
	switch args[0] {
	case "kill":
		return p.s.Kill(who)
	case "power":
		return p.s.PowerFail(who)
	case "stop":
		return p.s.Stop(who)
	case "start":
		return p.s.Start(who)
	case "pause":
		return p.s.Pause(who)
	}
	return p.s.Resume(who)
}

// oneWay is a direction in which nothing passes.
type oneWay struct{ from, to string }

func (l oneWay) mend(s *Stage) { s.targets().Cut(l.from, l.to, false) }

// cut lets nothing pass between two sides, or (n1 > p1) one way. "rest" are the
// brokers that the left side does not name.
func (p *play) cut(args []string) error {
	ways, err := p.between(args)
	if err != nil {
		return fmt.Errorf("%w; write: cut n1 | n2 n3, or one way: cut n1 > p1", err)
	}
	for _, l := range ways {
		if !slices.Contains(p.blocked, l) {
			p.blocked = append(p.blocked, l)
			p.s.targets().Cut(l.from, l.to, true)
		}
	}
	return nil
}

// heal ends all cuts, or those between two sides.
func (p *play) heal(args []string) error {
	ended := p.blocked
	if len(args) > 0 {
		var err error
		if ended, err = p.between(args); err != nil {
			return fmt.Errorf("%w; write: heal, or heal n1 | n2 n3", err)
		}
	}
	var left []oneWay
	for _, l := range p.blocked {
		if slices.Contains(ended, l) {
			l.mend(p.s)
		} else {
			left = append(left, l)
		}
	}
	p.blocked = left
	return nil
}

// between lists the directions that the words n1 | n2 p1 name.
func (p *play) between(args []string) ([]oneWay, error) {
	mark := slices.IndexFunc(args, func(a string) bool { return a == "|" || a == ">" })
	if mark < 1 || mark == len(args)-1 {
		return nil, errors.New("two sides are needed")
	}
	left, err := p.real(args[:mark])
	if err != nil {
		return nil, err
	}
	right, err := p.real(args[mark+1:])
	if err != nil {
		return nil, err
	}
	if slices.Equal(right, []string{faults.Rest}) {
		right = slices.DeleteFunc(p.s.brokers(), func(n string) bool { return slices.Contains(left, n) })
	}
	for _, n := range slices.Concat(left, right) {
		if !p.s.known(n) {
			return nil, fmt.Errorf("there is no %s (yet; a producer comes to life by: producer %s acks=all)", n, n)
		}
	}
	var out []oneWay
	for _, a := range left {
		for _, b := range right {
			out = append(out, oneWay{a, b})
			if args[mark] == "|" {
				out = append(out, oneWay{b, a})
			}
		}
	}
	return out, nil
}

// hold makes requests or answers of a class wait: hold alter-partition from n1 for 20s.
func (p *play) hold(args []string) error {
	words, err := p.real(args)
	if err != nil {
		return err
	}
	return p.s.Fault("hold " + strings.Join(words, " "))
}

// topic creates a topic. Every word without "=" is a partition: its replicas, the
// preferred leader first.
func (p *play) topic(args []string) error {
	if len(args) < 2 {
		return errors.New("topic NAME n1,n2,n3 [min.insync.replicas=2 ...]")
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 30_000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = args[0], -1, -1
	judged := Topic{Name: args[0]}
	for _, a := range args[1:] {
		if key, value, ok := strings.Cut(a, "="); ok {
			c := kmsg.NewCreateTopicsRequestTopicConfig()
			c.Name, c.Value = key, &value
			t.Configs = append(t.Configs, c)
			judged.Configs = set(judged.Configs, key, value)
			continue
		}
		ids, err := p.ids(strings.Split(a, ","))
		if err != nil {
			return err
		}
		r := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		r.Partition, r.Replicas = judged.Partitions, ids
		t.ReplicaAssignment = append(t.ReplicaAssignment, r)
		judged.Partitions++
		judged.Replicas = int32(len(ids))
	}
	req.Topics = append(req.Topics, t)
	p.s.later = append(p.s.later, p.s.run.plan.checkTopic(&judged))
	return p.persist(req, func(r kmsg.Response) int16 { return r.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode })
}

// persist repeats a request of an operator as long as nobody decides on it, as an
// admin client does.
func (p *play) persist(req kmsg.Request, code func(kmsg.Response) int16) error {
	for end := p.s.Now().Add(patience); ; {
		resp, err := p.ask(-1, req)
		if err != nil {
			return err
		}
		if c := code(resp); !client.Retriable(c) || p.s.Now() > end {
			return kerr.ErrorForCode(c)
		}
		if err := p.s.RunFor(500 * clock.Millisecond); err != nil {
			return err
		}
	}
}

// grow adds partitions to a topic: grow t n2,n1.
func (p *play) grow(args []string) error {
	if len(args) < 2 {
		return errors.New("grow NAME n2,n1: the replicas of each new partition")
	}
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.TimeoutMillis = 30_000
	t := kmsg.NewCreatePartitionsRequestTopic()
	t.Topic, t.Count = args[0], p.s.Partitions(args[0])+int32(len(args)-1)
	for _, a := range args[1:] {
		ids, err := p.ids(strings.Split(a, ","))
		if err != nil {
			return err
		}
		r := kmsg.NewCreatePartitionsRequestTopicAssignment()
		r.Replicas = ids
		t.Assignment = append(t.Assignment, r)
	}
	req.Topics = append(req.Topics, t)
	return p.persist(req, func(r kmsg.Response) int16 { return r.(*kmsg.CreatePartitionsResponse).Topics[0].ErrorCode })
}

func (p *play) remove(args []string) error { return p.asked(p.admin.DeleteTopic(args[0])) }

// config sets configs of a topic: config t retention.ms=1000.
func (p *play) config(args []string) error {
	for _, a := range args[1:] {
		key, value, _ := strings.Cut(a, "=")
		if err := p.asked(p.admin.SetTopicConfig(args[0], key, value)); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) asked(a *Asked) error {
	if err := p.s.Await(a.What, patience, a.Done); err != nil {
		return err
	}
	return a.Err
}

// elect asks the controller for an election: elect preferred t-0, elect unclean t-0.
func (p *play) elect(args []string) error {
	if len(args) != 2 || args[0] != "preferred" && args[0] != "unclean" {
		return errors.New("elect preferred t-0, or elect unclean t-0")
	}
	topic, partition := splitPartition(args[1])
	req := kmsg.NewPtrElectLeadersRequest()
	req.TimeoutMillis = 30_000
	if args[0] == "unclean" {
		req.ElectionType = 1
	}
	t := kmsg.NewElectLeadersRequestTopic()
	t.Topic, t.Partitions = topic, []int32{partition}
	req.Topics = append(req.Topics, t)
	resp, err := p.ask(-1, req)
	if err != nil {
		return err
	}
	code := resp.(*kmsg.ElectLeadersResponse).Topics[0].Partitions[0].ErrorCode
	p.lines.add(storyLine{rank: rankClient, who: "admin", what: "elect", part: args[1], text: said(code)})
	return nil
}

// said is an error code by Kafka's name of today.
func said(code int16) string {
	if code == kerr.NotLeaderForPartition.Code {
		return "NOT_LEADER_OR_FOLLOWER" // since Kafka 2.6
	}
	if err := kerr.TypedErrorForCode(code); err != nil {
		return err.Message
	}
	return "ok"
}

// latest asks a broker where a partition ends for consumers: latest t-0, or of a
// broker that may not lead and in the words of a client that may be out of date:
// latest t-0 of n2 epoch=1.
func (p *play) latest(args []string) error { return p.offset("latest", client.OffsetLatest, args) }
func (p *play) earliest(args []string) error {
	return p.offset("earliest", client.OffsetEarliest, args)
}

func (p *play) offset(what string, query int64, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s t-0 [of n2] [epoch=1]", what)
	}
	topic, partition := splitPartition(args[0])
	part := p.s.run.newestImage().Partition(topic, partition)
	if part == nil {
		return fmt.Errorf("there is no partition %s", args[0])
	}
	to, epoch := part.Leader, int32(-1)
	for i, a := range args[1:] {
		if n, ok := strings.CutPrefix(a, "epoch="); ok {
			if _, err := fmt.Sscan(n, &epoch); err != nil {
				return err
			}
		} else if a != "of" && args[i] == "of" {
			ids, err := p.ids([]string{a})
			if err != nil {
				return err
			}
			to = ids[0]
		}
	}
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	q := kmsg.NewListOffsetsRequestTopicPartition()
	q.Partition, q.CurrentLeaderEpoch, q.Timestamp = partition, epoch, query
	t.Partitions = append(t.Partitions, q)
	req.Topics = append(req.Topics, t)
	resp, err := p.ask(to, req)
	if err != nil {
		return err
	}
	a := resp.(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
	text := fmt.Sprint(a.Offset)
	if a.ErrorCode != 0 {
		text = said(a.ErrorCode)
	}
	p.lines.add(storyLine{rank: rankBroker, who: p.cast.name(to), what: what, part: args[0], text: text})
	return nil
}

// fetch asks a leader as a follower does: fetch t-0 from n1 as n2 offset=1. "as former
// n2" takes the broker epoch that n2 had before it registered again; epoch=0 is the
// leader epoch that the follower believes in.
func (p *play) fetch(args []string) error {
	var leader, follower string
	former := false
	offset, epoch := int64(0), int32(-1)
	for i, a := range args {
		var err error
		switch key, value, _ := strings.Cut(a, "="); {
		case key == "offset":
			offset, err = strconv.ParseInt(value, 10, 64)
		case key == "epoch":
			_, err = fmt.Sscan(value, &epoch)
		case a == "former":
			former = true
		case i > 0 && args[i-1] == "from":
			leader = a
		case i > 0 && (args[i-1] == "as" || args[i-1] == "former"):
			follower = a
		}
		if err != nil {
			return err
		}
	}
	if leader == "" || follower == "" {
		return errors.New("fetch t-0 from n1 as [former] n2 offset=1 [epoch=0]")
	}
	ids, err := p.ids([]string{leader, follower})
	if err != nil {
		return err
	}
	lives := p.lines.epochs[ids[1]]
	if former && len(lives) < 2 {
		return fmt.Errorf("%s has no former life", follower)
	}
	life := lives[len(lives)-1]
	if former {
		life = lives[len(lives)-2]
	}
	name, partition := splitPartition(args[0])
	topic := p.s.run.newestImage().Topic(name)
	if topic.Partition(partition) == nil {
		return fmt.Errorf("there is no partition %s", args[0])
	}
	if epoch < 0 {
		epoch = topic.Partition(partition).LeaderEpoch
	}
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID = ids[1]
	req.ReplicaState.ID, req.ReplicaState.Epoch = ids[1], life
	req.MaxBytes, req.SessionEpoch = 1<<20, -1
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = name, [16]byte(topic.ID)
	q := kmsg.NewFetchRequestTopicPartition()
	q.Partition, q.CurrentLeaderEpoch, q.FetchOffset, q.PartitionMaxBytes = partition, epoch, offset, 1<<20
	t.Partitions = append(t.Partitions, q)
	req.Topics = append(req.Topics, t)
	resp, err := p.ask(ids[0], req)
	if err != nil {
		return err
	}
	a := resp.(*kmsg.FetchResponse).Topics[0].Partitions[0]
	p.lines.add(storyLine{rank: rankBroker, who: p.cast.name(ids[0]), what: "fetch", part: args[0], text: said(a.ErrorCode)})
	return nil
}

// ask sends a request to a broker, or to any with -1, as often as it takes to reach
// it: what it says is the answer, be it an error.
func (p *play) ask(node int32, req kmsg.Request) (kmsg.Response, error) {
	var got kmsg.Response
	failure := errors.New("the admin is down")
	for end := p.s.Now().Add(patience); p.s.Now() < end; {
		done := false
		l, _ := p.admin.hand.life.(*administering)
		p.admin.hand.w.Call(p.admin.hand.id, func(engine.Host) {
			c := l.c.Cluster()
			reply := func(r *client.Reply) { got, failure, done = r.Resp, r.Err, true }
			if node < 0 {
				c.DoAny(req, reply)
			} else {
				c.Do(node, req, reply)
			}
		})
		if err := p.s.Await("an answer to the admin", patience, func() bool { return done }); err != nil {
			return nil, err
		}
		if failure == nil {
			return got, nil
		}
		p.admin.hand.w.Call(p.admin.hand.id, func(engine.Host) { l.c.Cluster().RequestUpdate() })
		if err := p.s.RunFor(100 * clock.Millisecond); err != nil {
			return nil, err
		}
	}
	return nil, failure
}
