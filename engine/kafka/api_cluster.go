package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What a principal may do when nothing is forbidden, as the bit field of
// KIP-430 (AclEntry.supportedOperations): READ 3, WRITE 4, CREATE 5, DELETE 6,
// ALTER 7, DESCRIBE 8, CLUSTER_ACTION 9, DESCRIBE_CONFIGS 10, ALTER_CONFIGS 11,
// IDEMPOTENT_WRITE 12.
const (
	allTopicOperations   = 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<10 | 1<<11
	allClusterOperations = 1<<5 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<11 | 1<<12
)

// handleDescribeCluster answers DescribeCluster 0-2 on the client listener
// (KIP-700, KIP-919, KIP-1073).
func handleDescribeCluster(r *request) {
	b, req := r.b, r.body.(*kmsg.DescribeClusterRequest)
	resp := kmsg.NewPtrDescribeClusterResponse()
	resp.Version = req.Version
	resp.EndpointType = 1
	resp.Brokers = []kmsg.DescribeClusterResponseBroker{}
	if req.Version >= 1 && req.EndpointType != 1 {
		resp.ErrorCode = kerr.MismatchedEndpointType.Code
		resp.ErrorMessage = kmsg.StringPtr("The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER")
		if req.EndpointType != 2 {
			resp.ErrorCode = kerr.UnsupportedEndpointType.Code
			resp.ErrorMessage = kmsg.StringPtr("Unsupported endpoint type")
		}
		r.reply(resp)
		return
	}
	resp.ClusterID = b.cfg.ClusterID
	resp.ControllerID = b.anyBroker(b.image)
	for _, br := range b.image.Brokers() {
		host, port, ok := clientEndpoint(br)
		if !ok || br.Fenced && !(req.Version >= 2 && req.IncludeFencedBrokers) {
			continue
		}
		resp.Brokers = append(resp.Brokers, kmsg.DescribeClusterResponseBroker{NodeID: br.ID, Host: host, Port: port, Rack: br.Rack, IsFenced: br.Fenced})
	}
	if req.IncludeClusterAuthorizedOperations {
		resp.ClusterAuthorizedOperations = allClusterOperations
	}
	r.reply(resp)
}
