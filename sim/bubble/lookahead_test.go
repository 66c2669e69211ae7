package bubble

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"trial/sim/cluster"
)

// ping asks a broker for its versions again and again, one request at a time, and
// dials anew when the connection breaks: a client without goroutines of its own.
func ping(c *Cluster, to string, until time.Duration) (answers int) {
	for c.Now() < until {
		conn, err := c.Dial("tcp", to)
		if err != nil {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		for c.Now() < until && answered(conn) {
			answers++
			time.Sleep(37 * time.Millisecond)
		}
		_ = conn.Close()
	}
	return answers
}

func answered(conn net.Conn) bool {
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := conn.Write([]byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff}); err != nil {
		return false
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return false
	}
	_, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(size[:])))
	return err == nil
}

// The world is left behind while only brokers talk. That must change nothing: with
// a client that has one goroutine, the hash is that of a driver that wakes for
// every event, and the same in every run.
func TestSleepingOverTheBrokersTalkChangesNothing(t *testing.T) {
	p, err := Draw(5, cluster.Options{Scenario: "elections", For: 20_000_000_000})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Faults) < 5 {
		t.Fatalf("the plan has %d faults, too few to mean anything", len(p.Faults))
	}
	run := func(every bool) Result {
		answers := 0
		begun := time.Now()
		res := Run(t, Config{Plan: p, every: every}, func(t *testing.T, c *Cluster) {
			answers = ping(c, "n1:9092", 25*time.Second)
		})
		t.Logf("every event: %v; %d answers, %d events, %d sleeps, %d waits in %v of wall clock", every, answers, res.Events, res.Stats.Sleeps, res.Stats.Waits, time.Since(begun).Round(time.Millisecond))
		if answers < 100 || res.Faults == 0 {
			t.Errorf("%d answers, %d faults", answers, res.Faults)
		}
		return res
	}
	a, b, every := run(false), run(false), run(true)
	if a.Hash != b.Hash {
		t.Errorf("two runs of a client with one goroutine: %x and %x", a.Hash, b.Hash)
	}
	if a.Hash != every.Hash || a.Events != every.Events {
		t.Errorf("sleeping over quiet stretches: %x after %d events; waking for every event: %x after %d", a.Hash, a.Events, every.Hash, every.Events)
	}
	if a.Stats.Sleeps >= every.Stats.Sleeps {
		t.Errorf("%d sleeps are no fewer than %d", a.Stats.Sleeps, every.Stats.Sleeps)
	}
}

// A client that reads nothing makes the machine stop reading, and misses nothing
// when it goes on.
func TestASlowReaderClosesTheWindow(t *testing.T) {
	p, err := Draw(1, cluster.Options{Scenario: "calm"})
	if err != nil {
		t.Fatal(err)
	}
	const requests = 30_000
	Run(t, Config{Plan: p}, func(t *testing.T, c *Cluster) {
		nc, err := c.Dial("tcp", "n1:9092")
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		go func() {
			for i := range uint32(requests) {
				b := []byte{0, 0, 0, 10, 0, 18, 0, 0}
				b = binary.BigEndian.AppendUint32(b, i)
				if _, err := nc.Write(append(b, 0xff, 0xff)); err != nil {
					t.Error(err)
					return
				}
			}
		}()
		time.Sleep(5 * time.Minute)
		conn := nc.(*Conn)
		conn.mu.Lock()
		waiting, stuck := len(conn.in), conn.stuck
		conn.mu.Unlock()
		if waiting < receiveBuffer || waiting > receiveBuffer+4096 || !stuck {
			t.Errorf("%d bytes wait to be read, stuck: %v", waiting, stuck)
		}
		for i := range uint32(requests) {
			var head [8]byte
			if _, err := io.ReadFull(nc, head[:]); err != nil {
				t.Fatalf("answer %d: %v", i, err)
			}
			if got := binary.BigEndian.Uint32(head[4:]); got != i {
				t.Fatalf("answer %d, want %d", got, i)
			}
			if _, err := io.CopyN(io.Discard, nc, int64(binary.BigEndian.Uint32(head[:]))-4); err != nil {
				t.Fatal(err)
			}
		}
	})
}
