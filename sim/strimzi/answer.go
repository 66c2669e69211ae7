package strimzi

import (
	"fmt"
	"slices"
	"strings"

	"trial/clock"
	"trial/sim/cluster"
)

// Word is a verdict in one word.
type Word string

// The words, from good to bad.
const (
	Survives Word = "survives" // nothing acknowledged was lost, and the cluster went on by itself
	Blocks   Word = "blocks"   // a partition could not be written or read until the node was back
	Loses    Word = "loses"    // acknowledged records are gone
	Broken   Word = "broken"   // a rule fired that no fault explains: a bug of the simulator or its engine
)

var words = []Word{Survives, Blocks, Loses, Broken}

// Answer is what the runs of one question came to: the worst of them.
type Answer struct {
	Question Question
	Runs     int
	Word     Word
	Lost     int64
	Acked    int64
	Write    cluster.Span // the longest in which a partition could not be written
	Read     cluster.Span // or read
	Reason   string       // "" if there is nothing to explain
	Plan     cluster.Plan // of the worst run
}

// Judge answers a question from its runs.
func (c *Cluster) Judge(q Question, runs []cluster.Result) Answer {
	worst := Answer{}
	for i := range runs {
		a := c.one(q, &runs[i])
		if i == 0 || a.worse(&worst) {
			worst = a
		}
	}
	worst.Runs = len(runs)
	return worst
}

func (a *Answer) worse(b *Answer) bool {
	x, y := slices.Index(words, a.Word), slices.Index(words, b.Word)
	if x != y {
		return x > y
	}
	if a.Lost != b.Lost {
		return a.Lost > b.Lost
	}
	return max(a.Write.Length(), a.Read.Length()) > max(b.Write.Length(), b.Read.Length())
}

// one is the verdict on one run.
func (c *Cluster) one(q Question, r *cluster.Result) Answer {
	a := Answer{Question: q, Word: Survives, Lost: r.Lost, Acked: r.Acked, Plan: r.Plan}
	var stuck *cluster.Outage
	for i := range r.Outages {
		o := &r.Outages[i]
		if o.Write.Length() > a.Write.Length() {
			a.Write = o.Write
			stuck = o
		}
		if o.Read.Length() > a.Read.Length() {
			a.Read = o.Read
			if stuck == nil {
				stuck = o
			}
		}
	}
	longest := max(a.Write.Length(), a.Read.Length())
	switch {
	case r.Failed():
		a.Word, a.Reason = Broken, r.Sentence()
	case r.Lost > 0:
		a.Word, a.Reason = Loses, c.whyLost(r)
	case longest >= c.Failover():
		a.Word, a.Reason = Blocks, c.whyBlocked(q, r, stuck)
	case len(r.Emptied) > 0:
		a.Reason = fmt.Sprintf("%s came back with empty ephemeral volumes and was filled again from the others", list(r.Emptied))
		if len(r.Emptied) > 1 {
			a.Reason = fmt.Sprintf("%s came back with empty ephemeral volumes and were filled again from the others", list(r.Emptied))
		}
	}
	if r.Void != "" && r.Forgot == "" {
		a.Reason = strings.TrimPrefix(a.Reason+"; controllers without memory broke the promises of the metadata quorum "+r.Void, "; ")
	}
	return a
}

// whyLost names the cause of the greatest loss.
func (c *Cluster) whyLost(r *cluster.Result) string {
	if r.Forgot != "" {
		return "the cluster forgot its topics: the ephemeral volumes of " + list(r.Emptied) + " were empty after their pods were replaced, among them those of a majority of the controllers"
	}
	top := ""
	most := int64(0)
	for _, l := range r.Losses {
		if l.Lost > most {
			top, most = l.Case, l.Lost
		}
	}
	switch top {
	case "W":
		return "the ephemeral volumes of " + list(r.Emptied) + " were empty after their pods were replaced, and no other replica had the records" + single(r.Plan.Topics)
	case "C1", "C2", "E":
		return "machines failed that had all copies in memory and not yet on disk (Kafka does not sync each record; log.flush.interval.messages=1 would)"
	case "C3":
		return "min.insync.replicas=1 acknowledges what one replica has, and that one lost it"
	case "D":
		return "unclean.leader.election.enable=true let a replica lead that lacked the records"
	}
	return "allowed by case " + top + " of the ledger"
}

// single names the topics whose every record has one copy.
func single(topics []cluster.Topic) string {
	var names []string
	for _, t := range topics {
		if t.Replicas == 1 {
			names = append(names, t.Name)
		}
	}
	if names == nil {
		return ""
	}
	return " (one replica only: " + list(names) + ")"
}

// whyBlocked explains what a partition waited for, from what the files say of it.
func (c *Cluster) whyBlocked(q Question, r *cluster.Result, o *cluster.Outage) string {
	if q.All {
		return "nobody was there"
	}
	if c.controllers() == 1 && strings.HasSuffix(q.Key, "controller") {
		return "the only controller was away: nobody can elect leaders"
	}
	for _, t := range r.Plan.Topics {
		if o == nil || t.Name != o.Topic {
			continue
		}
		minISR := r.Plan.MinISR(t.Name)
		name := fmt.Sprintf("%s-%d", o.Topic, o.Partition)
		switch n := int(t.Replicas); {
		case n == 1:
			return fmt.Sprintf("%s has one replica: while its node is away it has no leader", name)
		case n <= minISR:
			return fmt.Sprintf("%s has %d replicas and min.insync.replicas=%d: with one away acks=all waits for it", name, n, minISR)
		case strings.HasPrefix(q.Key, "zone-loss") && !c.Rack:
			return fmt.Sprintf("more than %d of the %d replicas of %s stood in that zone: without spec.kafka.rack brokers do not know their zones", n-minISR, n, name)
		default:
			return fmt.Sprintf("%s had fewer than min.insync.replicas=%d of its %d replicas in sync", name, minISR, n)
		}
	}
	return "a partition waited for nodes that were away"
}

func list(names []string) string {
	if n := len(names) - 1; n > 0 {
		return strings.Join(names[:n], ", ") + " and " + names[n]
	}
	return strings.Join(names, "")
}

// Seconds prints how long a span is.
func Seconds(s cluster.Span) string {
	if s.Length() == 0 {
		return "-"
	}
	text := fmt.Sprintf("%d.%ds", s.Length()/clock.Second, s.Length()%clock.Second/(100*clock.Millisecond))
	if s.Open {
		return text + ", to the end"
	}
	return text
}
