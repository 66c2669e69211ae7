package control

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine/kafka/control/configs"
	"trial/engine/kafka/control/image"
)

// refused is why a part of a request is refused.
type refused struct {
	code int16
	why  string
}

func refuse(e *kerr.Error, format string, args ...any) *refused {
	return &refused{e.Code, fmt.Sprintf(format, args...)}
}

// onCreateTopics creates topics, each for itself, all in one batch
// (ReplicationControlManager.createTopics).
func (c *controller) onCreateTopics(to Responder, req *kmsg.CreateTopicsRequest) {
	resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
	if len(req.Topics) > maxRecords {
		c.answer(to, req, refusal(req, kerr.PolicyViolation.Code))
		return
	}
	named := map[string]int{}
	for i := range req.Topics {
		named[req.Topics[i].Topic]++
	}
	d := c.decide()
	for i := range req.Topics {
		t := &req.Topics[i]
		out := kmsg.NewCreateTopicsResponseTopic()
		out.Topic, out.NumPartitions, out.ReplicationFactor = t.Topic, -1, -1
		out.Configs = []kmsg.CreateTopicsResponseTopicConfig{}
		bad := refuse(kerr.InvalidRequest, "Duplicate topic name.")
		if named[t.Topic] == 1 {
			bad = c.createTopic(d, t, &out)
		}
		if bad != nil {
			out.ErrorCode, out.ErrorMessage = bad.code, &bad.why
		}
		resp.Topics = append(resp.Topics, out)
	}
	if req.ValidateOnly {
		for i := range resp.Topics {
			resp.Topics[i].TopicID = image.UUID{} // nothing was created
		}
	}
	c.conclude(d, to, req, resp, req.ValidateOnly)
}

func (c *controller) createTopic(d *decision, t *kmsg.CreateTopicsRequestTopic, out *kmsg.CreateTopicsResponseTopic) *refused {
	if bad := checkTopicName(t.Topic, d.image()); bad != nil {
		return bad
	}
	if d.image().Topic(t.Topic) != nil {
		return refuse(kerr.TopicAlreadyExists, "Topic '%s' already exists.", t.Topic)
	}
	set, bad := checkTopicConfigs(t.Configs)
	if bad != nil {
		return bad
	}
	var assignment [][]int32
	if len(t.ReplicaAssignment) > 0 {
		assignment, bad = c.manualAssignment(d, t)
	} else {
		assignment, bad = c.assign(d, t)
	}
	if bad != nil {
		return bad
	}
	if len(d.records)+len(set)+len(assignment) >= maxRecords {
		return excessive()
	}
	id := c.newTopicID(d)
	d.add(&image.TopicRecord{Name: t.Topic, TopicID: id})
	for _, s := range set {
		d.add(&image.ConfigRecord{ResourceType: image.ResourceTopic, ResourceName: t.Topic, Name: s.Name, Value: &s.Value})
	}
	for p, replicas := range assignment {
		c.addPartition(d, id, int32(p), replicas)
	}
	out.TopicID, out.NumPartitions, out.ReplicationFactor = id, int32(len(assignment)), int16(len(assignment[0]))
	look := c.lookup(d.image())
	for i := range configs.Topics() {
		def := &configs.Topics()[i]
		v := look.Topic(t.Topic, def)
		if def.Internal && v.Source != kmsg.ConfigSourceDynamicTopicConfig {
			continue
		}
		o := kmsg.NewCreateTopicsResponseTopicConfig()
		o.Name, o.Value, o.Source = def.Name, &v.Value, int8(v.Source)
		out.Configs = append(out.Configs, o)
	}
	return nil
}

func excessive() *refused {
	return refuse(kerr.PolicyViolation, "Unable to perform excessively large batch operation.")
}

func (c *controller) newTopicID(d *decision) image.UUID {
	for {
		if id := c.ids.UUID(); d.image().TopicByID(id) == nil {
			return id
		}
	}
}

// addPartition writes a new partition whose ISR are the active replicas.
func (c *controller) addPartition(d *decision, topic image.UUID, id int32, replicas []int32) {
	rec := &image.PartitionRecord{PartitionID: id, TopicID: topic, Replicas: replicas, ISR: activeOf(d.image(), replicas)}
	rec.Leader = rec.ISR[0]
	for _, r := range replicas {
		rec.Directories = append(rec.Directories, defaultDir(d.image(), r))
	}
	d.add(rec)
}

func activeOf(im *image.Image, replicas []int32) []int32 {
	var out []int32
	for _, r := range replicas {
		if im.Broker(r).Active() {
			out = append(out, r)
		}
	}
	return out
}

// checkTopicName has Kafka's rules for names (Topic.validate, collisions of '.' with '_').
func checkTopicName(name string, im *image.Image) *refused {
	const e = "Topic name is invalid: "
	switch {
	case name == "":
		return refuse(kerr.InvalidTopicException, e+"the empty string is not allowed")
	case name == "." || name == "..":
		return refuse(kerr.InvalidTopicException, e+"'%s' is not allowed", name)
	case len(name) > 249:
		return refuse(kerr.InvalidTopicException, e+"the length of '%s' is longer than the max allowed length 249", name)
	}
	for i := 0; i < len(name); i++ {
		b := name[i]
		if !(b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '.' || b == '_' || b == '-') {
			return refuse(kerr.InvalidTopicException, e+"'%s' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'", name)
		}
	}
	if strings.ContainsAny(name, "._") {
		key := strings.ReplaceAll(name, ".", "_")
		for _, t := range im.Topics() {
			if t.Name != name && strings.ReplaceAll(t.Name, ".", "_") == key {
				return refuse(kerr.InvalidTopicException, "Topic '%s' collides with existing topic: %s", name, t.Name)
			}
		}
	}
	return nil
}

func checkTopicConfigs(in []kmsg.CreateTopicsRequestTopicConfig) ([]image.ConfigEntry, *refused) {
	var out []image.ConfigEntry
	for _, e := range in {
		def := configs.Topic(e.Name)
		if def == nil {
			return nil, refuse(kerr.InvalidConfig, "Unknown topic config name: %s", e.Name)
		}
		if e.Value == nil {
			return nil, refuse(kerr.InvalidConfig, "Null value not supported for topic configs: %s", e.Name)
		}
		if err := def.Check(*e.Value); err != nil {
			return nil, refuse(kerr.InvalidConfig, "%v", err)
		}
		out = append(out, image.ConfigEntry{Name: e.Name, Value: *e.Value})
	}
	slices.SortStableFunc(out, func(a, b image.ConfigEntry) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// assign places the partitions of a topic that gives no assignment.
func (c *controller) assign(d *decision, t *kmsg.CreateTopicsRequestTopic) ([][]int32, *refused) {
	switch {
	case t.ReplicationFactor < -1 || t.ReplicationFactor == 0:
		return nil, refuse(kerr.InvalidReplicationFactor, "Replication factor must be larger than 0, or -1 to use the default value.")
	case t.NumPartitions < -1 || t.NumPartitions == 0:
		return nil, refuse(kerr.InvalidPartitions, "Number of partitions was set to an invalid non-positive value.")
	}
	n, factor := int(t.NumPartitions), int(t.ReplicationFactor)
	if n == -1 {
		n = c.setting("num.partitions", 1)
	}
	if factor == -1 {
		factor = c.setting("default.replication.factor", 1)
	}
	if n > maxRecords {
		return nil, excessive()
	}
	return c.placeMany(d, n, factor)
}

func (c *controller) placeMany(d *decision, n, factor int) ([][]int32, *refused) {
	pl := newPlacer(c.place, d.image().Brokers())
	if err := pl.check(factor); err != nil {
		return nil, refuse(kerr.InvalidReplicationFactor, "Unable to replicate the partition %d time(s): %v", factor, err)
	}
	var out [][]int32
	for range n {
		replicas := pl.place(factor)
		if len(activeOf(d.image(), replicas)) == 0 {
			return nil, refuse(kerr.InvalidReplicationFactor, "Unable to replicate the partition %d time(s): "+
				"All brokers are currently fenced or in controlled shutdown.", factor)
		}
		out = append(out, replicas)
	}
	return out, nil
}

// setting reads a number from the node's static configs.
func (c *controller) setting(name string, def int) int {
	n, err := strconv.Atoi(strings.TrimSpace(c.cfg.Settings[name]))
	if err != nil || n < 1 {
		return def
	}
	return n
}

func (c *controller) manualAssignment(d *decision, t *kmsg.CreateTopicsRequestTopic) ([][]int32, *refused) {
	switch {
	case t.ReplicationFactor != -1:
		return nil, refuse(kerr.InvalidRequest, "A manual partition assignment was specified, but replication factor was not set to -1.")
	case t.NumPartitions != -1:
		return nil, refuse(kerr.InvalidRequest, "A manual partition assignment was specified, but numPartitions was not set to -1.")
	}
	out := make([][]int32, len(t.ReplicaAssignment))
	for _, a := range t.ReplicaAssignment {
		if a.Partition < 0 || int(a.Partition) >= len(out) {
			return nil, refuse(kerr.InvalidReplicaAssignment, "partitions should be a consecutive 0-based integer sequence")
		}
		if out[a.Partition] != nil {
			return nil, refuse(kerr.InvalidReplicaAssignment, "Found multiple manual partition assignments for partition %d", a.Partition)
		}
		if bad := checkAssignment(d.image(), a.Partition, a.Replicas, len(t.ReplicaAssignment[0].Replicas)); bad != nil {
			return nil, bad
		}
		out[a.Partition] = slices.Clone(a.Replicas)
	}
	return out, nil
}

// checkAssignment has the rules for replicas that an operator chose
// (validateManualPartitionAssignment).
func checkAssignment(im *image.Image, id int32, replicas []int32, factor int) *refused {
	const e = "The manual partition assignment includes "
	if len(replicas) == 0 {
		return refuse(kerr.InvalidReplicaAssignment, e+"an empty replica list.")
	}
	for i, r := range replicas {
		if im.Broker(r) == nil {
			return refuse(kerr.InvalidReplicaAssignment, e+"broker %d, but no such broker is registered.", r)
		}
		if slices.Contains(replicas[:i], r) {
			return refuse(kerr.InvalidReplicaAssignment, e+"the broker %d more than once.", r)
		}
	}
	if len(replicas) != factor {
		return refuse(kerr.InvalidReplicaAssignment, e+"a partition with %d replica(s), but this is not consistent with "+
			"previous partitions, which have %d replica(s).", len(replicas), factor)
	}
	if len(activeOf(im, replicas)) == 0 {
		return refuse(kerr.InvalidReplicaAssignment, "All brokers specified in the manual partition assignment for "+
			"partition %d are fenced or in controlled shutdown.", id)
	}
	return nil
}

// deletions is what a DeleteTopics request names, by name or by id.
func deletions(req *kmsg.DeleteTopicsRequest) []kmsg.DeleteTopicsRequestTopic {
	if req.Version >= 6 {
		return req.Topics
	}
	var out []kmsg.DeleteTopicsRequestTopic
	for i := range req.TopicNames {
		t := kmsg.NewDeleteTopicsRequestTopic()
		t.Topic = &req.TopicNames[i]
		out = append(out, t)
	}
	return out
}

// onDeleteTopics deletes topics by name or by id.
func (c *controller) onDeleteTopics(to Responder, req *kmsg.DeleteTopicsRequest) {
	if strings.EqualFold(strings.TrimSpace(c.cfg.Settings["delete.topic.enable"]), "false") {
		c.answer(to, req, refusal(req, kerr.TopicDeletionDisabled.Code))
		return
	}
	resp := req.ResponseKind().(*kmsg.DeleteTopicsResponse)
	d := c.decide()
	var zero image.UUID
	for _, asked := range deletions(req) {
		out := kmsg.NewDeleteTopicsResponseTopic()
		out.Topic, out.TopicID = asked.Topic, asked.TopicID
		var t *image.Topic
		switch {
		case asked.Topic != nil && asked.TopicID != zero, asked.Topic == nil && asked.TopicID == zero:
			out.ErrorCode = kerr.InvalidRequest.Code
		case asked.Topic != nil:
			if t = d.image().Topic(*asked.Topic); t == nil {
				out.ErrorCode = kerr.UnknownTopicOrPartition.Code
			}
		default:
			if t = d.image().TopicByID(asked.TopicID); t == nil {
				out.ErrorCode = kerr.UnknownTopicID.Code
			}
		}
		if t != nil {
			d.add(&image.RemoveTopic{TopicID: t.ID})
			out.Topic, out.TopicID = kmsg.StringPtr(t.Name), t.ID
		}
		resp.Topics = append(resp.Topics, out)
	}
	c.conclude(d, to, req, resp, false)
}

// onCreatePartitions adds partitions to topics.
func (c *controller) onCreatePartitions(to Responder, req *kmsg.CreatePartitionsRequest) {
	resp := req.ResponseKind().(*kmsg.CreatePartitionsResponse)
	named := map[string]int{}
	for i := range req.Topics {
		named[req.Topics[i].Topic]++
	}
	d := c.decide()
	for i := range req.Topics {
		asked := &req.Topics[i]
		out := kmsg.NewCreatePartitionsResponseTopic()
		out.Topic = asked.Topic
		bad := refuse(kerr.InvalidRequest, "Duplicate topic name.")
		if named[asked.Topic] == 1 {
			bad = c.createPartitions(d, asked)
		}
		if bad != nil {
			out.ErrorCode, out.ErrorMessage = bad.code, &bad.why
		}
		resp.Topics = append(resp.Topics, out)
	}
	c.conclude(d, to, req, resp, req.ValidateOnly)
}

func (c *controller) createPartitions(d *decision, asked *kmsg.CreatePartitionsRequestTopic) *refused {
	t := d.image().Topic(asked.Topic)
	if t == nil {
		return refuse(kerr.UnknownTopicOrPartition, "%s", kerr.UnknownTopicOrPartition.Description)
	}
	have, want := len(t.Partitions), int(asked.Count)
	switch {
	case want == have:
		return refuse(kerr.InvalidPartitions, "Topic already has %d partition(s).", have)
	case want < have:
		return refuse(kerr.InvalidPartitions, "The topic %s currently has %d partition(s); %d would not be an increase.", t.Name, have, want)
	case len(d.records)+want-have > maxRecords:
		return excessive()
	case asked.Assignment != nil && len(asked.Assignment) != want-have:
		return refuse(kerr.InvalidReplicaAssignment, "Attempted to add %d additional partition(s), but only %d assignment(s) were specified.",
			want-have, len(asked.Assignment))
	}
	factor := len(t.Partitions[0].Replicas)
	var assignment [][]int32
	if asked.Assignment != nil {
		for i, a := range asked.Assignment {
			if bad := checkAssignment(d.image(), int32(have+i), a.Replicas, factor); bad != nil {
				return bad
			}
			assignment = append(assignment, slices.Clone(a.Replicas))
		}
	} else {
		var bad *refused
		if assignment, bad = c.placeMany(d, want-have, factor); bad != nil {
			return bad
		}
	}
	for i, replicas := range assignment {
		c.addPartition(d, t.ID, int32(have+i), replicas)
	}
	return nil
}
