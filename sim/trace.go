package sim

import (
	"fmt"
	"strconv"

	"trial/clock"
	"trial/engine"
)

// kind says what an event of the trace is.
type kind uint8

const (
	kindBoot kind = iota + 1
	kindStop
	kindAccept
	kindOpened
	kindFrame
	kindClosed
	kindTimer
	kindDisk
	kindJob
	kindCall
	kindExit
	kindFault
)

var kindNames = [...]string{
	kindBoot: "boot", kindStop: "stop", kindAccept: "accept", kindOpened: "opened", kindFrame: "frame",
	kindClosed: "closed", kindTimer: "timer", kindDisk: "disk", kindJob: "job", kindCall: "call",
	kindExit: "exit", kindFault: "fault",
}

// Record is one event of the trace as plain numbers.
type Record struct {
	Number uint64 // from 1
	At     clock.Instant
	Node   engine.NodeID
	Kind   string
	// A, B and C are what the kind says: ids, lengths, positions, error codes.
	A, B, C uint64
	// Sum is the checksum of the bytes that the event carried.
	Sum uint64
}

func (r Record) String() string {
	return fmt.Sprintf("#%d %v n%d %s %d %d %d %016x", r.Number, r.At, r.Node, r.Kind, r.A, r.B, r.C, r.Sum)
}

// note mixes one event into the hash.
func (w *World) note(n engine.NodeID, k kind, a, b, c, sum uint64) {
	w.events++
	now := w.tl.Now()
	l := &w.last
	l.at, l.node, l.kind, l.a, l.b, l.c, l.sum = now, n, k, a, b, c, sum
	h := w.hash
	h = fold(uint64(now)^k0, h^w.events)
	h = fold(uint64(uint32(n))<<8^uint64(k)^k1, h^a)
	h = fold(b^k2, h^c)
	w.hash = fold(sum^k3, h^k4)
	if w.opt.Trace != nil {
		w.traceEvent()
	}
}

// last is the latest event, kept without formatting.
type last struct {
	at           clock.Instant
	node         engine.NodeID
	kind         kind
	a, b, c, sum uint64
}

// Last is the latest event of the trace.
func (w *World) Last() Record {
	l := &w.last
	if l.kind == 0 {
		return Record{}
	}
	return Record{w.events, l.at, l.node, kindNames[l.kind], l.a, l.b, l.c, l.sum}
}

var diskNames = [...]string{
	engine.OpOpen: "open", engine.OpCreate: "create", engine.OpClose: "close", engine.OpAppend: "append",
	engine.OpWriteAt: "write", engine.OpReadAt: "read", engine.OpTruncate: "truncate",
	engine.OpPreallocate: "preallocate", engine.OpStat: "stat", engine.OpList: "list", engine.OpRename: "rename",
	engine.OpRemove: "remove", engine.OpMkdir: "mkdir", engine.OpSyncFile: "sync", engine.OpSyncDir: "syncdir",
	engine.OpFree: "free",
}

// traceEvent writes the line of the latest event, if its kind has numbers only.
func (w *World) traceEvent() {
	l := &w.last
	switch l.kind {
	case kindFault:
		return // the fault writes its own line
	case kindFrame:
		w.event("n%d frame c%d len=%d sum=%08x", l.node, l.a, l.b, uint32(l.sum))
	case kindAccept:
		w.event("n%d accept c%d on %d from n%d", l.node, l.a, l.b, l.c)
	case kindOpened:
		w.event("n%d opened c%d", l.node, l.a)
	case kindClosed:
		w.event("n%d closed c%d %s", l.node, l.a, errorNames[l.b])
	case kindDisk:
		w.event("n%d disk %s %d pos=%d n=%d %s", l.node, diskNames[l.a&255], l.a>>16, l.b, l.c, errorNames[l.a>>8&255])
	default:
		w.event("n%d %s", l.node, kindNames[l.kind])
	}
}

// event writes the line of an event: its number is at the end.
func (w *World) event(format string, args ...any) {
	w.line(format+" #%d", append(args, w.events)...)
}

// line writes one line of the trace, behind its instant.
func (w *World) line(format string, args ...any) {
	if w.opt.Trace == nil {
		return
	}
	b := w.lineBuf[:0]
	b = append(b, w.tl.Now().String()...)
	b = append(b, ' ')
	b = fmt.Appendf(b, format, args...)
	b = append(b, '\n')
	w.lineBuf = b
	_, _ = w.opt.Trace.Write(b) // a reader that is gone must not change the run
}

// errorNames are what errorCode counts.
var errorNames = [...]string{
	"ok", "not-exist", "exist", "no-space", "io", "offline", "bad-file",
	"refused", "reset", "closed", "timeout", "bad-address", "frame-size", "other",
}

// errorCode numbers the errors of the contract.
func errorCode(err error) uint64 {
	switch err {
	case nil:
		return 0
	case engine.ErrNotExist:
		return 1
	case engine.ErrExist:
		return 2
	case engine.ErrNoSpace:
		return 3
	case engine.ErrIO:
		return 4
	case engine.ErrOffline:
		return 5
	case engine.ErrBadFile:
		return 6
	case engine.ErrRefused:
		return 7
	case engine.ErrReset:
		return 8
	case engine.ErrClosed:
		return 9
	case engine.ErrTimeout:
		return 10
	case engine.ErrBadAddress:
		return 11
	case engine.ErrFrameSize:
		return 12
	}
	return 13
}

// fault notes a fault in the hash and in the trace.
func (w *World) fault(n engine.NodeID, what string, args ...int64) {
	var v [3]uint64
	for i, a := range args {
		v[i] = uint64(a)
	}
	w.note(n, kindFault, v[0], v[1], v[2], checksum([]byte(what)))
	if w.opt.Trace != nil {
		s := ""
		for _, a := range args {
			s += " " + strconv.FormatInt(a, 10)
		}
		w.event("n%d fault %s%s", n, what, s)
	}
}

// Note writes a line of the runner's own into the trace. It is no event: the hash
// does not know of it.
func (w *World) Note(format string, args ...any) { w.line(format, args...) }
