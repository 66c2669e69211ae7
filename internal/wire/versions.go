package wire

import "github.com/twmb/franz-go/pkg/kmsg"

const (
	keyFetch              = 1
	keyControlledShutdown = 7
	keyApiVersions        = 18
)

// apiKey is what framing has to know of an API key.
type apiKey struct {
	known         bool
	maxVersion    int16
	firstFlexible int16 // version; maxVersion+1 if there is none
}

// apiKeys is indexed by API key and written once, here.
var apiKeys = func() []apiKey {
	var keys []apiKey
	for key := int16(0); key < kmsg.MaxKey+1; key++ {
		var k apiKey
		if req := kmsg.RequestForKey(key); req != nil {
			k = apiKey{known: true, maxVersion: req.MaxVersion()}
			for ; k.firstFlexible <= k.maxVersion; k.firstFlexible++ {
				if req.SetVersion(k.firstFlexible); req.IsFlexible() {
					break
				}
			}
		}
		keys = append(keys, k)
	}
	return keys
}()

// MaxVersion is the newest version of an API key that can be decoded; false if
// the key is unknown.
func MaxVersion(key int16) (version int16, ok bool) {
	if key < 0 || int(key) >= len(apiKeys) || !apiKeys[key].known {
		return -1, false
	}
	return apiKeys[key].maxVersion, true
}

// RequestHeaderVersion is 2 for flexible versions (KIP-482), else 1; only
// ControlledShutdown 0 has 0, without a client id.
func RequestHeaderVersion(key, version int16) int {
	switch {
	case key == keyControlledShutdown && version == 0:
		return 0
	case flexible(key, version):
		return 2
	}
	return 1
}

// ResponseHeaderVersion is 1 for flexible versions, else 0; always 0 for
// ApiVersions, whose client does not know yet what the broker speaks (KIP-511).
func ResponseHeaderVersion(key, version int16) int {
	if key != keyApiVersions && flexible(key, version) {
		return 1
	}
	return 0
}

func flexible(key, version int16) bool {
	_, ok := MaxVersion(key)
	return ok && version >= apiKeys[key].firstFlexible
}
