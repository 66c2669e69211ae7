package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// handleApiVersions answers ApiVersions 0-4 with what this listener serves.
func handleApiVersions(r *request) {
	req := r.body.(*kmsg.ApiVersionsRequest)
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.Version = req.Version
	if req.Version >= 3 && !(validClientWord(req.ClientSoftwareName) && validClientWord(req.ClientSoftwareVersion)) {
		resp.ErrorCode = kerr.InvalidRequest.Code
		resp.ApiKeys = []kmsg.ApiVersionsResponseApiKey{}
		r.reply(resp)
		return
	}
	for _, a := range r.b.listenerAPIs(r.conn.listener) {
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MinVersion, k.MaxVersion = a.key, a.advertised, a.max
		resp.ApiKeys = append(resp.ApiKeys, k)
	}
	for _, f := range supportedFeatures {
		if f.min == 0 && req.Version < 4 {
			continue // clients below version 4 refuse a minimum of 0 (KAFKA-17011)
		}
		s := kmsg.NewApiVersionsResponseSupportedFeature()
		s.Name, s.MinVersion, s.MaxVersion = f.name, f.min, f.max
		resp.SupportedFeatures = append(resp.SupportedFeatures, s)
	}
	resp.FinalizedFeaturesEpoch = r.b.metadataOffset()
	for _, f := range r.b.image.Features() {
		out := kmsg.NewApiVersionsResponseFinalizedFeature()
		out.Name, out.MinVersionLevel, out.MaxVersionLevel = f.Name, f.Level, f.Level
		resp.FinalizedFeatures = append(resp.FinalizedFeatures, out)
	}
	r.reply(resp)
}

// unsupportedApiVersions answers a version that we do not know in body version 0,
// with our own range of this key alone, so that the client can step down (KIP-511).
func unsupportedApiVersions(r *request) {
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.Version = 0
	resp.ErrorCode = kerr.UnsupportedVersion.Code
	k := kmsg.NewApiVersionsResponseApiKey()
	k.ApiKey, k.MinVersion, k.MaxVersion = r.api.key, r.api.min, r.api.max
	resp.ApiKeys = []kmsg.ApiVersionsResponseApiKey{k}
	r.reply(resp)
}

// validClientWord holds the pattern of KIP-511: letters and digits, with dots and
// dashes between them.
func validClientWord(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		edge := i == 0 || i == len(s)-1
		if !alnum && (edge || c != '.' && c != '-') {
			return false
		}
	}
	return true
}
