package wire

import (
	"encoding/binary"
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Header is a request header.
type Header struct {
	Key, Version  int16
	CorrelationID int32
	ClientID      *string // nil: null
}

// What parsing may fail with.
var (
	ErrShort    = errors.New("wire: frame ends early")
	ErrKey      = errors.New("wire: unknown API key")
	ErrVersion  = errors.New("wire: version is not supported")
	ErrTrailing = errors.New("wire: bytes behind the end of the message")
	ErrBody     = errors.New("wire: malformed message")
	ErrLimit    = errors.New("wire: message has too many elements")
)

// ParseRequest splits a request frame into its header and its body.
//
// With ErrKey and ErrVersion the header's key, version and correlation id are
// valid and nothing else is: enough to answer UNSUPPORTED_VERSION (in body
// version 0 for ApiVersions, KIP-511). A version counts as supported if it can
// be decoded; what a broker offers may be less.
func ParseRequest(frame []byte) (h Header, body []byte, err error) {
	var p Parser
	return p.Request(frame)
}

// Parser parses the request frames of one connection and reuses the client id
// string of the frame before.
type Parser struct{ clientID *string }

// Request is ParseRequest.
func (p *Parser) Request(frame []byte) (h Header, body []byte, err error) {
	if len(frame) < 8 {
		return h, nil, ErrShort
	}
	h.Key = int16(binary.BigEndian.Uint16(frame))
	h.Version = int16(binary.BigEndian.Uint16(frame[2:]))
	h.CorrelationID = int32(binary.BigEndian.Uint32(frame[4:]))
	newest, ok := MaxVersion(h.Key)
	if !ok {
		return h, nil, ErrKey
	}
	if h.Version < 0 || h.Version > newest {
		return h, nil, ErrVersion
	}
	r := reader{b: frame[8:]}
	version := RequestHeaderVersion(h.Key, h.Version)
	if version >= 1 {
		// The client id keeps its old form in header version 2.
		if id, ok := r.nullableString(); ok {
			if p.clientID == nil || *p.clientID != string(id) {
				s := string(id)
				p.clientID = &s
			}
			h.ClientID = p.clientID
		}
	}
	if version >= 2 {
		r.tags()
	}
	return h, r.b, r.err
}

// AppendRequest appends a whole request frame for req at the version set in it.
func AppendRequest(dst []byte, req kmsg.Request, correlationID int32, clientID *string) []byte {
	key, version := req.Key(), req.GetVersion()
	dst = binary.BigEndian.AppendUint16(dst, uint16(key))
	dst = binary.BigEndian.AppendUint16(dst, uint16(version))
	dst = binary.BigEndian.AppendUint32(dst, uint32(correlationID))
	header := RequestHeaderVersion(key, version)
	if header >= 1 {
		if clientID == nil {
			dst = append(dst, 0xff, 0xff)
		} else {
			dst = binary.BigEndian.AppendUint16(dst, uint16(len(*clientID)))
			dst = append(dst, *clientID...)
		}
	}
	if header >= 2 {
		dst = append(dst, 0) // no tags
	}
	return req.AppendTo(dst)
}

// AppendResponse appends a whole response frame for resp at the version set in it.
func AppendResponse(dst []byte, correlationID int32, resp kmsg.Response) []byte {
	return resp.AppendTo(appendResponseHeader(dst, correlationID, resp.Key(), resp.GetVersion()))
}

func appendResponseHeader(dst []byte, correlationID int32, key, version int16) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(correlationID))
	if ResponseHeaderVersion(key, version) >= 1 {
		dst = append(dst, 0) // no tags
	}
	return dst
}

// DecodeRequest decodes a request's body at the header's version. Every byte of
// the body must be used. Byte fields of the request alias body.
func DecodeRequest(h Header, body []byte) (kmsg.Request, error) {
	req := kmsg.RequestForKey(h.Key)
	if req == nil {
		return nil, ErrKey
	}
	if h.Version < 0 || h.Version > req.MaxVersion() {
		return nil, ErrVersion
	}
	req.SetVersion(h.Version)
	if err := guard(requestShape(h.Key), body, h.Version, flexible(h.Key, h.Version)); err != nil {
		return nil, err
	}
	if err := req.ReadFrom(body); err != nil {
		return nil, ErrBody
	}
	return req, nil
}

// ResponseCorrelation reads the correlation id of a response frame, by which
// the caller finds the request that it answers.
func ResponseCorrelation(frame []byte) (int32, error) {
	if len(frame) < 4 {
		return 0, ErrShort
	}
	return int32(binary.BigEndian.Uint32(frame)), nil
}

// ParseResponse decodes a response frame into resp, whose version must be set,
// as in what req.ResponseKind returns. Byte fields of resp alias frame.
//
// ApiVersions is answered in version 0 when the broker does not know the
// version asked for: set the version to 0 and try again after an error.
func ParseResponse(frame []byte, resp kmsg.Response) (correlationID int32, err error) {
	correlationID, err = ResponseCorrelation(frame)
	if err != nil {
		return 0, err
	}
	key, version := resp.Key(), resp.GetVersion()
	r := reader{b: frame[4:]}
	if ResponseHeaderVersion(key, version) >= 1 {
		r.tags()
	}
	if r.err != nil {
		return correlationID, r.err
	}
	if err := guard(responseShape(key), r.b, version, flexible(key, version)); err != nil {
		return correlationID, err
	}
	if resp.ReadFrom(r.b) != nil {
		return correlationID, ErrBody
	}
	return correlationID, nil
}
