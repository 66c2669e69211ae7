package engine

import "trial/clock"

// NodeID names a machine of the cluster or of a client. Brokers use their
// Kafka node id.
type NodeID int32

// Incarnation counts the lives of a node's process, from 1. Nothing addressed
// to an earlier incarnation ever reaches a later one.
type Incarnation uint64

// ConnID names one end of a connection within an incarnation. 0 is no connection.
// Ids are never reused within an incarnation; a call that names a closed
// connection does nothing.
type ConnID uint64

// ListenerID is the index of a listener in the node's configuration.
type ListenerID int32

// Program is what runs on a node: a broker, a client, any engine.
//
// The host calls a program, and everything a program hands to it (handlers,
// timers, operations, jobs), from one goroutine, one event at a time, never
// re-entrantly: a host method never calls back before it returns.
type Program interface {
	// Boot is the first event of an incarnation. The program gets nothing in hand:
	// recovery is ordinary asynchronous reading of its volumes.
	Boot(h Host)

	// Accept is called for a connection that a peer opened on a listener of ours.
	// The handler gets its frames; nil refuses the connection. Opened is not
	// called for accepted connections.
	Accept(c ConnID, l ListenerID, peer string) ConnHandler

	// Stop asks for an orderly end (SIGTERM). The program ends what it has to end
	// and calls Host.Exit; until then it gets events as before.
	Stop()
}

// ConnHandler gets the events of one connection.
type ConnHandler interface {
	// Opened tells that a connection made by Host.Dial is established.
	Opened(c ConnID)
	// Frame delivers one frame, without its length prefix. The buffer belongs to
	// the program until it calls Host.Release.
	Frame(c ConnID, b *Buf)
	// Closed is the last event of a connection that ended for any reason other
	// than Host.Close: refused, reset, closed by the peer, frame over the limit.
	Closed(c ConnID, err error)
}

// Host is the machine as a program sees it. A host is the simulator (package
// sim) or a real process (package host); one suite of programs passes on both.
//
// All methods may be called only inside an event of the program, from the
// goroutine that delivers it.
type Host interface {
	Node() NodeID
	Incarnation() Incarnation

	// Now is the node's monotonic clock. It does not move during an event.
	Now() clock.Instant
	// WallMs is the node's wall clock in milliseconds since 1970: data for record
	// timestamps, never a base for timers. It may jump.
	WallMs() int64
	// Stream returns the random stream of that name, private to this incarnation.
	// Two calls with one name return the same stream, not a fresh one.
	Stream(name string) *Stream

	// SetTimer arms t to fire at the given instant or, if that has passed, as soon
	// as possible, in a later event. Setting an armed timer moves it.
	SetTimer(t *Timer, at clock.Instant)
	// StopTimer disarms t; afterwards it does not fire. Stopping an idle timer is
	// allowed.
	StopTimer(t *Timer)

	// Listen opens a listener: from now on peers can connect to it.
	Listen(l ListenerID)
	// Dial starts a connection to addr ("host:port"). Opened or Closed follows in
	// a later event.
	Dial(addr string, handler ConnHandler) ConnID
	// Send queues one frame (the length prefix is the host's work) and takes
	// ownership of b. Frames may be sent before Opened; they leave in order. On an
	// accepted connection a Send also answers the oldest unanswered frame, see
	// SetWindow.
	Send(c ConnID, b *Buf)
	// SendParts queues one frame made of buffers and file regions, in order, and
	// takes ownership of the buffers; the slice itself stays the caller's. See
	// Part for what happens when a region cannot be read.
	SendParts(c ConnID, parts []Part)
	// Unmute gives back one place in the window of an accepted connection without
	// an answer: the request had none (Produce with acks=0).
	Unmute(c ConnID)
	// SetWindow sets how many unanswered frames an accepted connection hands over;
	// the default is 1, as Kafka mutes a connection while its request is in work.
	// Frames beyond the window wait unread.
	SetWindow(c ConnID, n int)
	// Close ends the connection after what was queued before has been sent. No
	// event of c follows.
	Close(c ConnID)

	// Buf returns an empty buffer (len(B) == 0) with room for at least n bytes.
	Buf(n int) *Buf
	// Release gives back a buffer that the program owns. Using it afterwards is a
	// bug; in tests its bytes are poisoned.
	Release(b *Buf)

	// Volumes is the number of disks (log directories) of this node, numbered from 0.
	Volumes() int
	// Disk starts an operation on a file or a volume; op.Done follows in a later
	// event, never for a dead incarnation. Until then op and op.Data are the
	// host's. See DiskOp for order.
	Disk(op *DiskOp)
	// Offload runs job.Run off the loop (a worker for real; inline after a
	// modelled delay in the simulator) and then job.Done as a later event.
	Offload(job *Job)

	// Observed reports whether anybody reads facts. Programs guard Emit with it so
	// that facts cost nothing otherwise.
	Observed() bool
	// Emit hands a fact to the white-box judges. Facts never influence the run:
	// with or without a reader the trace hash is the same.
	Emit(f Fact)
	// Site returns the buggify site of that name: a place where a legal but rare
	// choice may be taken. Resolve it once, at boot. Real hosts return an inert one.
	Site(name string) *Site
	// Probe counts that a rare situation was reached.
	Probe(name string)
	// Logf writes an operator's log line. The simulator formats it only when
	// somebody reads the log; it is never part of the trace hash.
	Logf(level Level, format string, args ...any)

	// Exit ends this incarnation in an orderly way: files are closed, connections
	// end, no further event is delivered. A nil error is a clean stop.
	Exit(err error)
}

// Timer is a one-shot timer owned by the program. Fire must be set before the
// first SetTimer and not change while armed. The zero At means idle.
type Timer struct {
	// Fire is called, as an event of its own, when the timer is due.
	Fire func()
	// Host is the host's private state of an armed timer; programs leave it alone.
	Host HostTimer
}

// HostTimer is the part of a Timer that belongs to the host.
type HostTimer struct {
	At    clock.Instant
	Seq   uint64
	Index int32 // 1 + position in the host's queue, 0 while idle
	Owner any
}

// Armed reports whether the timer is set and has not fired.
func (t *Timer) Armed() bool { return t.Host.Index != 0 }

// Job is a pure function on buffers that it owns, to be run off the loop.
type Job struct {
	// Run does the work. It must touch nothing but what the job owns.
	Run func()
	// Done is called as a later event after Run has returned.
	Done func()
	// Bytes says how much data Run goes through; the simulator derives the
	// modelled delay from it.
	Bytes int64
}

// Level is the severity of a log line.
type Level int8

// The levels, least severe first.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// Fact is something a program did that white-box judges want to know. Engines
// define their own types; judges switch on them.
type Fact interface {
	// FactName is the word the trace shows, such as "append" or "isr".
	FactName() string
}

// Site is a buggify site. The zero Site and the nil Site never hit.
type Site struct {
	// Choose is set by the simulator for a site that is active in this run.
	Choose func() bool
}

// Hit reports whether the rare choice is to be taken this time.
func (s *Site) Hit() bool { return s != nil && s.Choose != nil && s.Choose() }
