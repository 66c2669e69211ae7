package kafka

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// handleSASLHandshake answers as Kafka's PLAINTEXT listener does: there is
// nothing to authenticate. The key is served for clients that gate features on
// its presence.
func handleSASLHandshake(r *request) {
	resp := kmsg.NewPtrSASLHandshakeResponse()
	resp.Version = r.hdr.Version
	resp.ErrorCode = kerr.IllegalSaslState.Code
	resp.SupportedMechanisms = []string{}
	r.reply(resp)
}

// handleSASLAuthenticate answers as Kafka's PLAINTEXT listener does.
func handleSASLAuthenticate(r *request) {
	resp := kmsg.NewPtrSASLAuthenticateResponse()
	resp.Version = r.hdr.Version
	resp.ErrorCode = kerr.IllegalSaslState.Code
	resp.ErrorMessage = kmsg.StringPtr("SaslAuthenticate request received after successful authentication")
	resp.SASLAuthBytes = []byte{}
	r.reply(resp)
}
