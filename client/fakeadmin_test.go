package client_test

import "github.com/twmb/franz-go/pkg/kmsg"

// admin answers what an Admin asks.
func (b *broker) admin(req kmsg.Request, f fault) kmsg.Response {
	switch req := req.(type) {
	case *kmsg.CreateTopicsRequest:
		resp := kmsg.NewPtrCreateTopicsResponse()
		rt := kmsg.NewCreateTopicsResponseTopic()
		rt.Topic = req.Topics[0].Topic
		switch {
		case f == refuse:
			rt.ErrorCode = 41
		case b.c.topic(rt.Topic, [16]byte{}) != nil:
			rt.ErrorCode = 36
		default:
			rt.TopicID = b.c.create(rt.Topic, int(req.Topics[0].NumPartitions)).id
			if f == lie {
				rt.ErrorCode = 7
			}
		}
		resp.Topics = append(resp.Topics, rt)
		return resp
	case *kmsg.DeleteTopicsRequest:
		resp := kmsg.NewPtrDeleteTopicsResponse()
		rt := kmsg.NewDeleteTopicsResponseTopic()
		name := req.Topics
		if len(name) > 0 {
			rt.Topic = name[0].Topic
		} else {
			rt.Topic = &req.TopicNames[0]
		}
		if b.c.topic(*rt.Topic, [16]byte{}) == nil {
			rt.ErrorCode = 3
		}
		b.c.remove(*rt.Topic)
		resp.Topics = append(resp.Topics, rt)
		return resp
	case *kmsg.CreatePartitionsRequest:
		resp := kmsg.NewPtrCreatePartitionsResponse()
		rt := kmsg.NewCreatePartitionsResponseTopic()
		rt.Topic = req.Topics[0].Topic
		t := b.c.topic(rt.Topic, [16]byte{})
		switch {
		case t == nil:
			rt.ErrorCode = 3
		case int(req.Topics[0].Count) <= len(t.parts):
			rt.ErrorCode = 37
		default:
			for len(t.parts) < int(req.Topics[0].Count) {
				t.parts = append(t.parts, &partition{leader: 1, producers: map[int64]*producerState{}, epochs: []epochStart{{0, 0}}})
			}
		}
		resp.Topics = append(resp.Topics, rt)
		return resp
	case *kmsg.IncrementalAlterConfigsRequest:
		resp := kmsg.NewPtrIncrementalAlterConfigsResponse()
		rr := kmsg.NewIncrementalAlterConfigsResponseResource()
		rr.ResourceType, rr.ResourceName = req.Resources[0].ResourceType, req.Resources[0].ResourceName
		if b.c.topic(rr.ResourceName, [16]byte{}) == nil {
			rr.ErrorCode = 3
		}
		resp.Resources = append(resp.Resources, rr)
		return resp
	case *kmsg.DescribeConfigsRequest:
		resp := kmsg.NewPtrDescribeConfigsResponse()
		rr := kmsg.NewDescribeConfigsResponseResource()
		rr.ResourceType, rr.ResourceName = req.Resources[0].ResourceType, req.Resources[0].ResourceName
		rc := kmsg.NewDescribeConfigsResponseResourceConfig()
		value := "2"
		rc.Name, rc.Value, rc.Source = "min.insync.replicas", &value, kmsg.ConfigSourceDynamicTopicConfig
		rr.Configs = append(rr.Configs, rc)
		resp.Resources = append(resp.Resources, rr)
		return resp
	case *kmsg.DescribeClusterRequest:
		resp := kmsg.NewPtrDescribeClusterResponse()
		resp.ClusterID = "model"
		for _, o := range b.c.brokers {
			rb := kmsg.NewDescribeClusterResponseBroker()
			rb.NodeID, rb.Host, rb.Port = o.id, o.addr[:len(o.addr)-5], 9092
			resp.Brokers = append(resp.Brokers, rb)
		}
		return resp
	}
	b.c.w.t.Fatalf("the model has no answer to %T", req)
	return nil
}
