package serve_test

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/host/serve"
)

// Whatever arrives on a socket, the brokers go on.
func TestGarbageEndsItsConnectionOnly(t *testing.T) {
	c := start(t, serve.Config{Brokers: 1})
	cl := client(t, c, kgo.DefaultProduceTopic("t"))
	create(t, cl, "t", 1, 1)
	addr := c.Addrs()[0]
	rng := rand.New(rand.NewPCG(1, 2))
	var requests [][]byte
	for key := range kmsg.Key(93) {
		if req := kmsg.RequestForKey(int16(key)); req != nil {
			for v := range req.MaxVersion() + 1 {
				req.SetVersion(v)
				requests = append(requests, kmsg.NewRequestFormatter().AppendRequest(nil, req, 1))
			}
		}
	}
	conns := 300
	if testing.Short() {
		conns = 50
	}
	for range conns {
		throw(t, addr, garbage(rng, requests))
	}
	if err := cl.ProduceSync(t.Context(), kgo.StringRecord("still there")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	cl.Close()
	stop(t, c)
}

// garbage is a stream that is no sequence of sensible requests: noise, absurd
// lengths, halves of requests, and requests with damaged bytes.
func garbage(rng *rand.Rand, requests [][]byte) []byte {
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	var out []byte
	for range 1 + rng.IntN(20) {
		req := requests[rng.IntN(len(requests))]
		switch rng.IntN(6) {
		case 0:
			out = append(out, noise(1+rng.IntN(100))...)
		case 1:
			length := [...]uint32{0, 1, 7, 1 << 20, 100 << 20, 100<<20 + 1, 0x7fffffff, 0x80000000, 0xffffffff}
			out = binary.BigEndian.AppendUint32(out, length[rng.IntN(len(length))])
		case 2:
			out = append(out, req[:rng.IntN(len(req))]...)
		case 3:
			out = append(out, req...)
		default:
			at := len(out) + 8 // key and version stay, so that the body is looked at
			out = append(out, req...)
			for range 1 + rng.IntN(4) {
				if at < len(out) {
					out[at+rng.IntN(len(out)-at)] = byte(rng.Uint32())
				}
			}
		}
	}
	return out
}

// throw sends a stream and drops whatever comes back.
func throw(t *testing.T, addr string, stream []byte) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("the broker does not listen any more: %v", err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := nc.Write(stream); err == nil {
		_, _ = io.Copy(io.Discard, nc) // until the broker hangs up or the time is over
	}
}

func TestThousandsOfConnectionsComeAndGo(t *testing.T) {
	c := start(t, serve.Config{Brokers: 1})
	total := 10_000
	if testing.Short() {
		total = 1000
	}
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			for i := k; i < total; i += 8 {
				nc, err := net.Dial("tcp", c.Addrs()[0])
				if err != nil {
					t.Error(err)
					return
				}
				if i%3 == 0 {
					_, _ = nc.Write([]byte{0, 0, 0, 100, 0, 3})
				}
				if tcp, ok := nc.(*net.TCPConn); ok && i%2 == 0 {
					_ = tcp.SetLinger(0) // a reset in place of an orderly end
				}
				_ = nc.Close()
			}
		})
	}
	wg.Wait()
	cl := client(t, c)
	create(t, cl, "t", 1, 1)
	cl.Close()
	stop(t, c)
}
