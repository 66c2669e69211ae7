package workload

// Topic is a topic that the clients of a run use.
type Topic struct {
	Name       string
	Partitions int
}

// The clients of a run use Run.Topics or, where a run names none, the topics
// TopicName(0), TopicName(1), ... of Config, all of one number of partitions.

func (p *program) numTopics() int {
	if p.run.Topics != nil {
		return len(p.run.Topics)
	}
	return p.cfg.Topics
}

func (p *program) topicName(i int) string {
	if p.run.Topics != nil {
		return p.run.Topics[i].Name
	}
	return TopicName(i)
}

func (p *program) partitionsOf(i int) int {
	if p.run.Topics != nil {
		return p.run.Topics[i].Partitions
	}
	return p.cfg.Partitions
}

// numParts counts the partitions of all topics.
func (p *program) numParts() int {
	n := 0
	for t := range p.numTopics() {
		n += p.partitionsOf(t)
	}
	return n
}

// part is the i-th of all partitions, topic by topic.
func (p *program) part(i int) (topic int, partition int32) {
	for i >= p.partitionsOf(topic) {
		i -= p.partitionsOf(topic)
		topic++
	}
	return topic, int32(i)
}

// index is the inverse of part; 0 for a partition that is not of the run.
func (p *program) index(topic string, partition int32) int {
	n := 0
	for t := range p.numTopics() {
		if p.topicName(t) == topic {
			return n + int(partition)
		}
		n += p.partitionsOf(t)
	}
	return 0
}

// topics lists the names of the topics.
func (p *program) topics() []string {
	names := make([]string, p.numTopics())
	for i := range names {
		names[i] = p.topicName(i)
	}
	return names
}
