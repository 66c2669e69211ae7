package client

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TopicSpec describes a topic to create. -1 partitions or replicas take the
// broker's default.
type TopicSpec struct {
	Name       string
	Partitions int32
	Replicas   int16
	Configs    []ConfigChange
}

// ConfigChange sets a config, or deletes it when Delete is set.
type ConfigChange struct {
	Name, Value string
	Delete      bool
}

// ConfigEntry is one config of a resource.
type ConfigEntry struct {
	Name, Value string
	Default     bool
	ReadOnly    bool
}

// Resource types of configs.
const (
	ResourceTopic  = kmsg.ConfigResourceTypeTopic
	ResourceBroker = kmsg.ConfigResourceTypeBroker
)

// CreateTopic creates a topic.
func (a *Admin) CreateTopic(spec TopicSpec, done func(AdminReply)) {
	a.start(&adminCall{
		build: func() kmsg.Request {
			req := kmsg.NewPtrCreateTopicsRequest()
			req.TimeoutMillis = int32(a.cfg.RequestTimeout.Ms())
			rt := kmsg.NewCreateTopicsRequestTopic()
			rt.Topic, rt.NumPartitions, rt.ReplicationFactor = spec.Name, spec.Partitions, spec.Replicas
			for _, c := range spec.Configs {
				rc := kmsg.NewCreateTopicsRequestTopicConfig()
				rc.Name, rc.Value = c.Name, kmsg.StringPtr(c.Value)
				rt.Configs = append(rt.Configs, rc)
			}
			req.Topics = append(req.Topics, rt)
			return req
		},
		code: func(resp kmsg.Response) int16 {
			r, ok := resp.(*kmsg.CreateTopicsResponse)
			if !ok || len(r.Topics) != 1 {
				return codeUnknownServerError
			}
			return r.Topics[0].ErrorCode
		},
		done: done,
	})
}

// DeleteTopic deletes a topic by name.
func (a *Admin) DeleteTopic(name string, done func(AdminReply)) {
	a.start(&adminCall{
		build: func() kmsg.Request {
			req := kmsg.NewPtrDeleteTopicsRequest()
			req.TimeoutMillis = int32(a.cfg.RequestTimeout.Ms())
			req.TopicNames = []string{name}
			rt := kmsg.NewDeleteTopicsRequestTopic()
			rt.Topic = kmsg.StringPtr(name)
			req.Topics = append(req.Topics, rt)
			return req
		},
		code: func(resp kmsg.Response) int16 {
			r, ok := resp.(*kmsg.DeleteTopicsResponse)
			if !ok || len(r.Topics) != 1 {
				return codeUnknownServerError
			}
			return r.Topics[0].ErrorCode
		},
		final: codeUnknownTopic, // the controller knows every topic
		done:  done,
	})
}

// CreatePartitions raises the number of partitions of a topic to count.
func (a *Admin) CreatePartitions(topic string, count int32, done func(AdminReply)) {
	a.start(&adminCall{
		build: func() kmsg.Request {
			req := kmsg.NewPtrCreatePartitionsRequest()
			req.TimeoutMillis = int32(a.cfg.RequestTimeout.Ms())
			rt := kmsg.NewCreatePartitionsRequestTopic()
			rt.Topic, rt.Count = topic, count
			req.Topics = append(req.Topics, rt)
			return req
		},
		code: func(resp kmsg.Response) int16 {
			r, ok := resp.(*kmsg.CreatePartitionsResponse)
			if !ok || len(r.Topics) != 1 {
				return codeUnknownServerError
			}
			return r.Topics[0].ErrorCode
		},
		final: codeUnknownTopic,
		done:  done,
	})
}

// AlterConfigs changes configs of a resource (IncrementalAlterConfigs, KIP-339).
func (a *Admin) AlterConfigs(kind kmsg.ConfigResourceType, name string, changes []ConfigChange, done func(AdminReply)) {
	call := &adminCall{
		build: func() kmsg.Request {
			req := kmsg.NewPtrIncrementalAlterConfigsRequest()
			rr := kmsg.NewIncrementalAlterConfigsRequestResource()
			rr.ResourceType, rr.ResourceName = kind, name
			for _, c := range changes {
				rc := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
				rc.Name, rc.Op, rc.Value = c.Name, kmsg.IncrementalAlterConfigOpSet, kmsg.StringPtr(c.Value)
				if c.Delete {
					rc.Op, rc.Value = kmsg.IncrementalAlterConfigOpDelete, nil
				}
				rr.Configs = append(rr.Configs, rc)
			}
			req.Resources = append(req.Resources, rr)
			return req
		},
		code: func(resp kmsg.Response) int16 {
			r, ok := resp.(*kmsg.IncrementalAlterConfigsResponse)
			if !ok || len(r.Resources) != 1 {
				return codeUnknownServerError
			}
			return r.Resources[0].ErrorCode
		},
		final: codeUnknownTopic,
		done:  done,
	}
	a.start(call)
}

// DescribeConfigs tells the configs of a resource.
func (a *Admin) DescribeConfigs(kind kmsg.ConfigResourceType, name string, done func(AdminReply, []ConfigEntry)) {
	a.start(&adminCall{
		build: func() kmsg.Request {
			req := kmsg.NewPtrDescribeConfigsRequest()
			rr := kmsg.NewDescribeConfigsRequestResource()
			rr.ResourceType, rr.ResourceName = kind, name
			req.Resources = append(req.Resources, rr)
			return req
		},
		code: func(resp kmsg.Response) int16 {
			r, ok := resp.(*kmsg.DescribeConfigsResponse)
			if !ok || len(r.Resources) != 1 {
				return codeUnknownServerError
			}
			return r.Resources[0].ErrorCode
		},
		done: func(r AdminReply) { done(r, configEntries(r)) },
	})
}

func configEntries(r AdminReply) (entries []ConfigEntry) {
	resp, ok := r.Resp.(*kmsg.DescribeConfigsResponse)
	if !ok || r.Err != nil {
		return nil
	}
	for _, c := range resp.Resources[0].Configs {
		e := ConfigEntry{Name: c.Name, ReadOnly: c.ReadOnly, Default: c.IsDefault || c.Source == kmsg.ConfigSourceDefaultConfig}
		if c.Value != nil {
			e.Value = *c.Value
		}
		entries = append(entries, e)
	}
	return entries
}

// Offset is the answer to an offset query.
type Offset struct {
	TopicID     TopicID
	Offset      int64
	TimestampMs int64
	LeaderEpoch int32
}

// ListOffsets asks the leader of a partition for an offset: OffsetLatest,
// OffsetEarliest or by timestamp. committed asks for the last stable offset
// instead of the high watermark.
func (a *Admin) ListOffsets(topic string, partition int32, query int64, committed bool, done func(AdminReply, Offset)) {
	a.c.Want(topic)
	epoch := int32(-1)
	a.start(&adminCall{
		node: func() (id int32, ok bool) {
			id, epoch, ok = a.c.Leader(topic, partition)
			return id, ok
		},
		build: func() kmsg.Request { return listOffsetsRequest(topic, partition, query, epoch, committed) },
		code: func(resp kmsg.Response) int16 {
			_, code := listOffsetsAnswer(&Reply{Resp: resp}, topic, partition, query)
			return code
		},
		done: func(r AdminReply) {
			var o Offset
			if r.Err == nil {
				p, _ := listOffsetsAnswer(&Reply{Resp: r.Resp}, topic, partition, query)
				o = Offset{Offset: p.Offset, TimestampMs: p.Timestamp, LeaderEpoch: p.LeaderEpoch}
				if t, ok := a.c.Topic(topic); ok {
					o.TopicID = t.ID
				}
			}
			done(r, o)
		},
	})
}

// DescribeCluster asks for the cluster's id and brokers (KIP-700).
func (a *Admin) DescribeCluster(done func(AdminReply, *kmsg.DescribeClusterResponse)) {
	a.start(&adminCall{
		build: func() kmsg.Request { return kmsg.NewPtrDescribeClusterRequest() },
		code: func(resp kmsg.Response) int16 {
			r, ok := resp.(*kmsg.DescribeClusterResponse)
			if !ok {
				return codeUnknownServerError
			}
			return r.ErrorCode
		},
		done: func(r AdminReply) {
			resp, _ := r.Resp.(*kmsg.DescribeClusterResponse)
			done(r, resp)
		},
	})
}

// Metadata asks for the metadata of the named topics, or of all without names.
func (a *Admin) Metadata(topics []string, done func(AdminReply, *kmsg.MetadataResponse)) {
	a.start(&adminCall{
		build: func() kmsg.Request {
			req := kmsg.NewPtrMetadataRequest()
			req.AllowAutoTopicCreation = false
			for _, name := range topics {
				rt := kmsg.NewMetadataRequestTopic()
				rt.Topic = kmsg.StringPtr(name)
				req.Topics = append(req.Topics, rt)
			}
			return req
		},
		code: func(resp kmsg.Response) int16 {
			r, ok := resp.(*kmsg.MetadataResponse)
			if !ok {
				return codeUnknownServerError
			}
			return r.ErrorCode
		},
		done: func(r AdminReply) {
			resp, _ := r.Resp.(*kmsg.MetadataResponse)
			done(r, resp)
		},
	})
}
