package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine"
)

// forward hands an administrative request to the active controller, unchanged,
// and its answer back (ForwardingManager). If no controller answers within
// request.timeout.ms the client gets REQUEST_TIMED_OUT for everything it asked.
func forward(r *request) {
	r.b.forwards.Send(r.body, r.b.settings.ms("request.timeout.ms"), func(resp kmsg.Response, err error) {
		if r.answered {
			return
		}
		if err != nil {
			r.b.h.Logf(engine.Info, "forwarding of %s: %v", kmsg.NameForKey(r.hdr.Key), err)
			resp = refusal(r.body, kerr.RequestTimedOut.Code)
		}
		if resp == nil {
			r.hangUp("no answer of the controller")
			return
		}
		resp.SetVersion(r.hdr.Version)
		r.reply(resp)
	})
}

// refusal answers everything that a request asks with one error. Long because it
// is a flat switch over the forwarded requests.
func refusal(req kmsg.Request, code int16) kmsg.Response {
	switch req := req.(type) {
	case *kmsg.CreateTopicsRequest:
		resp := kmsg.NewPtrCreateTopicsResponse()
		for i := range req.Topics {
			t := kmsg.NewCreateTopicsResponseTopic()
			t.Topic, t.ErrorCode, t.Configs = req.Topics[i].Topic, code, []kmsg.CreateTopicsResponseTopicConfig{}
			resp.Topics = append(resp.Topics, t)
		}
		return resp
	case *kmsg.DeleteTopicsRequest:
		resp := kmsg.NewPtrDeleteTopicsResponse()
		for i := range req.TopicNames {
			t := kmsg.NewDeleteTopicsResponseTopic()
			t.Topic, t.ErrorCode = &req.TopicNames[i], code
			resp.Topics = append(resp.Topics, t)
		}
		for i := range req.Topics {
			t := kmsg.NewDeleteTopicsResponseTopic()
			t.Topic, t.TopicID, t.ErrorCode = req.Topics[i].Topic, req.Topics[i].TopicID, code
			resp.Topics = append(resp.Topics, t)
		}
		return resp
	case *kmsg.CreatePartitionsRequest:
		resp := kmsg.NewPtrCreatePartitionsResponse()
		for i := range req.Topics {
			t := kmsg.NewCreatePartitionsResponseTopic()
			t.Topic, t.ErrorCode = req.Topics[i].Topic, code
			resp.Topics = append(resp.Topics, t)
		}
		return resp
	case *kmsg.IncrementalAlterConfigsRequest:
		resp := kmsg.NewPtrIncrementalAlterConfigsResponse()
		for i := range req.Resources {
			t := kmsg.NewIncrementalAlterConfigsResponseResource()
			t.ResourceType, t.ResourceName, t.ErrorCode = req.Resources[i].ResourceType, req.Resources[i].ResourceName, code
			resp.Resources = append(resp.Resources, t)
		}
		return resp
	case *kmsg.AlterConfigsRequest:
		resp := kmsg.NewPtrAlterConfigsResponse()
		for i := range req.Resources {
			t := kmsg.NewAlterConfigsResponseResource()
			t.ResourceType, t.ResourceName, t.ErrorCode = req.Resources[i].ResourceType, req.Resources[i].ResourceName, code
			resp.Resources = append(resp.Resources, t)
		}
		return resp
	case *kmsg.ElectLeadersRequest:
		resp := kmsg.NewPtrElectLeadersResponse()
		resp.ErrorCode = code
		return resp
	case *kmsg.DescribeQuorumRequest:
		resp := kmsg.NewPtrDescribeQuorumResponse()
		resp.ErrorCode = code
		return resp
	case *kmsg.UnregisterBrokerRequest:
		resp := kmsg.NewPtrUnregisterBrokerResponse()
		resp.ErrorCode = code
		return resp
	}
	return nil
}
