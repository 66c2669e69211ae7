package enginetest

import (
	"encoding/binary"

	"trial/clock"
	"trial/engine"
	"trial/internal/must"
)

// LogClient is a program that writes to a LogServer and reads back at random
// what it knows to be there.
type LogClient struct {
	Addr  string
	Chunk int   // bytes of an append
	Until int64 // stop when the file is this long; 0 for ever
	Sync  int   // sync after that many appends; 0 never
	Reads int   // reads after each append
	// Keeps says that appended data survives even without a sync: the server is
	// never cut off from power.
	Keeps bool
	// Alone says that nobody else writes to this server or truncates its file.
	Alone bool
	// Timeout ends a connection on which a question stays unanswered for so long; 0
	// waits for ever.
	Timeout clock.Duration

	h         engine.Host
	conn      engine.ConnID
	retry     engine.Timer
	timeout   engine.Timer
	pick      *engine.Stream
	sinceSync int
	reads     int // still to do before the next append

	// What the client knows.
	End, Acked, Synced int64
	// What it counted.
	Appends, Refused, ReadBytes, Lost int64
}

// Boot dials the server.
func (c *LogClient) Boot(h engine.Host) {
	c.h = h
	c.pick = h.Stream("reads")
	c.retry.Fire = c.dial
	c.timeout.Fire = func() {
		c.h.Close(c.conn)
		c.Closed(c.conn, engine.ErrTimeout)
	}
	c.dial()
}

func (c *LogClient) dial() { c.conn = c.h.Dial(c.Addr, c) }

// Accept refuses: a client has no listener.
func (c *LogClient) Accept(engine.ConnID, engine.ListenerID, string) engine.ConnHandler { return nil }

// Stop ends the process.
func (c *LogClient) Stop() { c.h.Exit(nil) }

// Opened asks where the file ends.
func (c *LogClient) Opened(engine.ConnID) { c.ask('E') }

// Closed dials again after a while.
func (c *LogClient) Closed(engine.ConnID, error) {
	c.Lost++
	c.h.StopTimer(&c.timeout)
	c.h.SetTimer(&c.retry, c.h.Now().Add(50*clock.Millisecond))
}

// Done reports whether the file has the length wanted, in the client's eyes.
func (c *LogClient) Done() bool { return c.Until > 0 && c.End >= c.Until }

func (c *LogClient) ask(kind byte, numbers ...uint64) {
	b := c.h.Buf(32)
	b.B = append(b.B, kind)
	for _, n := range numbers {
		b.B = binary.BigEndian.AppendUint64(b.B, n)
	}
	c.send(b)
}

func (c *LogClient) send(b *engine.Buf) {
	c.h.Send(c.conn, b)
	if c.Timeout > 0 {
		c.h.SetTimer(&c.timeout, c.h.Now().Add(c.Timeout))
	}
}

// Frame takes an answer and asks the next question.
func (c *LogClient) Frame(_ engine.ConnID, b *engine.Buf) {
	must.Hold(len(b.B) >= 9, "log: an answer of %d bytes", len(b.B))
	kind, n := b.B[0], int64(binary.BigEndian.Uint64(b.B[1:]))
	switch kind {
	case 'e', 'x':
		c.learn(n)
	case 'a':
		c.Appends++
		c.sinceSync++
		c.reads = c.Reads
		c.Acked = max(c.Acked, n)
		c.End = n
	case 'f':
		c.Refused++
		c.learn(n)
		// Trying again at once would fill the timeline of a volume that is full.
		c.h.Release(b)
		c.h.Close(c.conn)
		c.h.StopTimer(&c.timeout)
		c.h.SetTimer(&c.retry, c.h.Now().Add(50*clock.Millisecond))
		return
	case 's':
		c.Synced = max(c.Synced, n)
		c.sinceSync = 0
	case 'r':
		data := b.B[9:]
		good := IsPattern(data, n)
		must.Hold(good == len(data), "log: byte %d of the file came back wrong", n+int64(good))
		c.ReadBytes += int64(len(data))
	default:
		must.Fail("log: an answer of kind %q", kind)
	}
	c.h.Release(b)
	c.next()
}

// learn takes the end of the file from an answer that follows no append.
func (c *LogClient) learn(end int64) {
	if c.Alone {
		must.Hold(end >= c.Synced, "log: synced up to %d, but the file ends at %d", c.Synced, end)
		must.Hold(!c.Keeps || end >= c.Acked, "log: acknowledged up to %d, but the file ends at %d", c.Acked, end)
		c.Acked = min(c.Acked, end)
	}
	c.End = end
}

func (c *LogClient) next() {
	switch {
	case c.reads > 0 && c.End > 0:
		c.reads--
		pos := c.pick.N(c.End)
		b := c.h.Buf(13)
		b.B = binary.BigEndian.AppendUint64(append(b.B, 'R'), uint64(pos))
		b.B = binary.BigEndian.AppendUint32(b.B, uint32(c.pick.Between(1, int64(4*c.Chunk))))
		c.send(b)
	case c.Sync > 0 && c.sinceSync >= c.Sync:
		c.ask('S')
	case !c.Done():
		b := c.h.Buf(9 + c.Chunk)
		b.B = binary.BigEndian.AppendUint64(append(b.B, 'A'), uint64(c.End))
		b.B = b.B[:9+c.Chunk]
		FillPattern(b.B[9:], c.End)
		c.send(b)
	default:
		c.h.StopTimer(&c.timeout)
	}
}
