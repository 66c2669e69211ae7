package control

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// refusal is an answer that says the same error of everything that was asked.
func refusal(req kmsg.Request, code int16) kmsg.Response {
	switch r := req.(type) {
	case *kmsg.CreateTopicsRequest:
		resp := r.ResponseKind().(*kmsg.CreateTopicsResponse)
		for _, t := range r.Topics {
			o := kmsg.NewCreateTopicsResponseTopic()
			o.Topic, o.ErrorCode = t.Topic, code
			o.Configs = []kmsg.CreateTopicsResponseTopicConfig{}
			resp.Topics = append(resp.Topics, o)
		}
		return resp
	case *kmsg.DeleteTopicsRequest:
		resp := r.ResponseKind().(*kmsg.DeleteTopicsResponse)
		for _, t := range deletions(r) {
			o := kmsg.NewDeleteTopicsResponseTopic()
			o.Topic, o.TopicID, o.ErrorCode = t.Topic, t.TopicID, code
			resp.Topics = append(resp.Topics, o)
		}
		return resp
	case *kmsg.CreatePartitionsRequest:
		resp := r.ResponseKind().(*kmsg.CreatePartitionsResponse)
		for _, t := range r.Topics {
			o := kmsg.NewCreatePartitionsResponseTopic()
			o.Topic, o.ErrorCode = t.Topic, code
			resp.Topics = append(resp.Topics, o)
		}
		return resp
	case *kmsg.IncrementalAlterConfigsRequest:
		resp := r.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
		for _, t := range r.Resources {
			o := kmsg.NewIncrementalAlterConfigsResponseResource()
			o.ResourceType, o.ResourceName, o.ErrorCode = t.ResourceType, t.ResourceName, code
			resp.Resources = append(resp.Resources, o)
		}
		return resp
	case *kmsg.AlterConfigsRequest:
		resp := r.ResponseKind().(*kmsg.AlterConfigsResponse)
		for _, t := range r.Resources {
			o := kmsg.NewAlterConfigsResponseResource()
			o.ResourceType, o.ResourceName, o.ErrorCode = t.ResourceType, t.ResourceName, code
			resp.Resources = append(resp.Resources, o)
		}
		return resp
	}
	resp := req.ResponseKind()
	setCode(resp, code)
	return resp
}

// setCode sets the one error code of an answer that has one.
func setCode(resp kmsg.Response, code int16) {
	switch r := resp.(type) {
	case *kmsg.BrokerRegistrationResponse:
		r.ErrorCode = code
	case *kmsg.BrokerHeartbeatResponse:
		r.ErrorCode = code
	case *kmsg.UnregisterBrokerResponse:
		r.ErrorCode = code
	case *kmsg.AlterPartitionResponse:
		r.ErrorCode = code
	case *kmsg.AssignReplicasToDirsResponse:
		r.ErrorCode = code
	case *kmsg.AllocateProducerIDsResponse:
		r.ErrorCode = code
	case *kmsg.ElectLeadersResponse:
		r.ErrorCode = code
	}
}

// codeOf is the error code by which an answer refuses the whole request: that of
// the answer, or of its first part.
func codeOf(resp kmsg.Response) int16 {
	switch r := resp.(type) {
	case *kmsg.BrokerRegistrationResponse:
		return r.ErrorCode
	case *kmsg.BrokerHeartbeatResponse:
		return r.ErrorCode
	case *kmsg.UnregisterBrokerResponse:
		return r.ErrorCode
	case *kmsg.AlterPartitionResponse:
		return r.ErrorCode
	case *kmsg.AssignReplicasToDirsResponse:
		return r.ErrorCode
	case *kmsg.AllocateProducerIDsResponse:
		return r.ErrorCode
	case *kmsg.ElectLeadersResponse:
		return r.ErrorCode
	case *kmsg.CreateTopicsResponse:
		if len(r.Topics) > 0 {
			return r.Topics[0].ErrorCode
		}
	case *kmsg.DeleteTopicsResponse:
		if len(r.Topics) > 0 {
			return r.Topics[0].ErrorCode
		}
	case *kmsg.CreatePartitionsResponse:
		if len(r.Topics) > 0 {
			return r.Topics[0].ErrorCode
		}
	case *kmsg.IncrementalAlterConfigsResponse:
		if len(r.Resources) > 0 {
			return r.Resources[0].ErrorCode
		}
	case *kmsg.AlterConfigsResponse:
		if len(r.Resources) > 0 {
			return r.Resources[0].ErrorCode
		}
	case *kmsg.DescribeQuorumResponse:
		if len(r.Topics) > 0 && len(r.Topics[0].Partitions) > 0 &&
			r.Topics[0].Partitions[0].ErrorCode == kerr.NotLeaderForPartition.Code {
			return kerr.NotController.Code // the quorum's own word for it
		}
	}
	return 0
}
