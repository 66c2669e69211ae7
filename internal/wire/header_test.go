package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestRequestFramesComeBack(t *testing.T) {
	id := "client-1"
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		newest, ok := MaxVersion(key)
		for version := int16(0); ok && version <= newest; version++ {
			for _, clientID := range []*string{nil, &id} {
				req := kmsg.RequestForKey(key)
				req.SetVersion(version)
				frame := AppendRequest([]byte("x"), req, -5, clientID)[1:]
				h, body, err := ParseRequest(frame)
				if err != nil || h.Key != key || h.Version != version || h.CorrelationID != -5 {
					t.Fatalf("key %d v%d: %+v, %v", key, version, h, err)
				}
				if RequestHeaderVersion(key, version) > 0 && (clientID == nil) != (h.ClientID == nil) {
					t.Fatalf("key %d v%d: client id", key, version)
				}
				if !bytes.Equal(body, req.AppendTo(nil)) {
					t.Fatalf("key %d v%d: body", key, version)
				}
			}
		}
	}
}

// The table of KIP-482 and KIP-511, spot-checked against Kafka's schemas.
func TestHeaderVersions(t *testing.T) {
	for _, c := range []struct {
		key, version  int16
		request, resp int
	}{
		{0, 8, 1, 0}, {0, 9, 2, 1}, {0, 13, 2, 1}, {1, 11, 1, 0}, {1, 12, 2, 1}, {1, 18, 2, 1}, {3, 8, 1, 0}, {3, 9, 2, 1},
		{7, 0, 0, 0}, {7, 1, 1, 0}, {7, 3, 2, 1}, {17, 1, 1, 0}, {18, 2, 1, 0}, {18, 3, 2, 0}, {18, 4, 2, 0},
		{36, 1, 1, 0}, {36, 2, 2, 1}, {52, 0, 2, 1}, {56, 0, 2, 1}, {62, 0, 2, 1},
	} {
		if got := RequestHeaderVersion(c.key, c.version); got != c.request {
			t.Errorf("request header of key %d v%d is %d, want %d", c.key, c.version, got, c.request)
		}
		if got := ResponseHeaderVersion(c.key, c.version); got != c.resp {
			t.Errorf("response header of key %d v%d is %d, want %d", c.key, c.version, got, c.resp)
		}
	}
}

func TestUnknownKeysAndVersionsKeepTheCorrelationID(t *testing.T) {
	frame := func(key, version int16) []byte {
		b := binary.BigEndian.AppendUint16(nil, uint16(key))
		b = binary.BigEndian.AppendUint16(b, uint16(version))
		return append(b, 0, 0, 0, 9, 0xde, 0xad) // and what no header says
	}
	for _, c := range []struct {
		key, version int16
		want         error
	}{{18, 99, ErrVersion}, {18, -1, ErrVersion}, {0, 500, ErrVersion}, {1000, 0, ErrKey}, {-3, 0, ErrKey}, {95, 0, ErrKey}} {
		h, _, err := ParseRequest(frame(c.key, c.version))
		if !errors.Is(err, c.want) || h.CorrelationID != 9 || h.Key != c.key || h.Version != c.version {
			t.Errorf("key %d v%d: %+v, %v", c.key, c.version, h, err)
		}
	}
	if _, _, err := ParseRequest(frame(18, 3)[:7]); !errors.Is(err, ErrShort) {
		t.Errorf("short frame: %v", err)
	}
}

func TestHeaderTagsAreSkipped(t *testing.T) {
	req := kmsg.NewPtrMetadataRequest()
	req.Version = 12
	frame := AppendRequest(nil, req, 1, nil)
	at := 10 // behind the null client id
	tagged := append(bytes.Clone(frame[:at]), 2, 5, 1, 'a', 9, 2, 'b', 'c')
	tagged = append(tagged, frame[at+1:]...)
	_, body, err := ParseRequest(tagged)
	if err != nil || !bytes.Equal(body, req.AppendTo(nil)) {
		t.Fatalf("%v, body % x", err, body)
	}
}

func TestParserReusesTheClientID(t *testing.T) {
	id := "same"
	frame := AppendRequest(nil, &kmsg.HeartbeatRequest{Version: 0}, 1, &id)
	var p Parser
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := p.Request(frame); err != nil {
			panic(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A count that no bytes stand behind must cost nothing: kmsg alone would loop
// 2^32 times over the tags, and allocate the arrays.
func TestHostileCountsAreCheap(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		newest, ok := MaxVersion(key)
		for version := int16(0); ok && version <= newest; version++ {
			for zeros := range 40 {
				for _, tail := range [][]byte{huge, {0x7f, 0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0xff, 0x07}} {
					body := append(make([]byte, zeros), tail...)
					_, _ = DecodeRequest(Header{Key: key, Version: version}, body)
				}
			}
		}
	}
	runtime.ReadMemStats(&after)
	if spent := time.Since(start); spent > 20*time.Second {
		t.Errorf("took %v", spent)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<30 {
		t.Errorf("allocated %d bytes in sum", got)
	}
}

func TestTooManyElementsAreRefused(t *testing.T) {
	req := kmsg.NewPtrMetadataRequest()
	req.Version = 9
	req.Topics = make([]kmsg.MetadataRequestTopic, MaxElements+1)
	for i := range req.Topics {
		req.Topics[i].Topic = kmsg.StringPtr("")
	}
	h := Header{Key: 3, Version: 9}
	if _, err := DecodeRequest(h, req.AppendTo(nil)); !errors.Is(err, ErrLimit) {
		t.Errorf("one too many: %v", err)
	}
	req.Topics = req.Topics[1:]
	if _, err := DecodeRequest(h, req.AppendTo(nil)); err != nil {
		t.Errorf("as many as allowed: %v", err)
	}
}

func FuzzParseRequest(f *testing.F) {
	id := "c"
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		if newest, ok := MaxVersion(key); ok {
			for _, v := range []int16{0, newest} {
				req := kmsg.RequestForKey(key)
				req.SetVersion(v)
				f.Add(AppendRequest(nil, req, 1, &id))
			}
		}
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, body, err := ParseRequest(frame)
		if err != nil {
			return
		}
		if req, err := DecodeRequest(h, body); err == nil {
			req.AppendTo(nil)
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		if newest, ok := MaxVersion(key); ok {
			for _, v := range []int16{0, newest} {
				resp := kmsg.ResponseForKey(key)
				resp.SetVersion(v)
				f.Add(key, v, AppendResponse(nil, 1, resp))
			}
		}
	}
	f.Fuzz(func(t *testing.T, key, version int16, frame []byte) {
		newest, ok := MaxVersion(key)
		if !ok || version < 0 || version > newest {
			return
		}
		resp := kmsg.ResponseForKey(key)
		resp.SetVersion(version)
		_, _ = ParseResponse(frame, resp)
	})
}
