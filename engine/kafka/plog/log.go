package plog

import (
	"trial/engine"
	"trial/engine/kafka/view"
	"trial/internal/must"
)

// Log is the log of one partition on one volume. Its methods may be called only
// inside an event of the program that owns the host.
type Log struct {
	h   engine.Host
	vol engine.VolumeID
	dir string
	cfg Config

	state     state
	failure   error // why the log is offline; never cleared
	onOffline func(err error)
	onDurable func(end int64)

	segs    []*segment // ascending, at least one once open; the last one is active
	end     int64      // visible: everything below has completed
	written int64      // everything below has been written; >= end while a flush is awaited
	next    int64      // assigned: >= written
	synced  int64      // durable; reported as at most end
	gen     int64      // counts truncations that removed something

	epochs    epochCache
	producers producers
	queue     queue
	sync      syncer
	reads     readPool
	epochFile epochFile

	timer    engine.Timer // runs what was deferred to a later event
	deferred []func()
	tick     engine.Timer // flush.ms
}

type state uint8

const (
	fresh state = iota
	opening
	open
	closing // nothing new is accepted
	closed
)

// New makes a log over the directory dir of a volume, such as "t-0". Nothing
// happens before Open.
func New(h engine.Host, vol engine.VolumeID, dir string, cfg Config) *Log {
	l := &Log{h: h, vol: vol, dir: dir, cfg: cfg.normal()}
	l.timer.Fire = l.runDeferred
	l.tick.Fire = func() { l.Sync(nil) }
	l.queue.onWritten = l.onWritten
	l.sync.onSynced = l.onSynced
	l.reads.onRead = l.onRead
	return l
}

// OnOffline sets who is told, once, that a write, a sync or a read failed: the
// whole volume must go offline until restart.
func (l *Log) OnOffline(f func(err error)) { l.onOffline = f }

// OnSynced sets who is told how far the log is durable, whenever a sync has ended.
// A truncation lowers that without telling.
func (l *Log) OnSynced(f func(end int64)) { l.onDurable = f }

// Offline reports whether the log is latched.
func (l *Log) Offline() bool { return l.failure != nil }

// Fail latches the log because its volume failed elsewhere. OnOffline is not called.
func (l *Log) Fail(err error) {
	if l.failure == nil {
		l.failure = err
		l.abandon()
	}
}

// fail latches the log after an operation of its own failed. What was written
// is neither retried nor rolled back: after a failed write or sync nobody knows
// what the disk holds (LogDirFailureChannel in Kafka).
func (l *Log) fail(err error) {
	if l.failure != nil {
		return
	}
	l.failure = err
	l.h.Logf(engine.Error, "log %s: offline: %v", l.dir, err)
	if l.onOffline != nil {
		l.onOffline(err)
	}
	l.abandon()
}

// abandon fails everything that is not in the host's hands, in a later event:
// the caller may be the owner of what fails.
func (l *Log) abandon() {
	l.h.StopTimer(&l.tick)
	l.later(func() {
		l.queue.abandon(l)
		l.sync.abandon()
	})
}

// usable tells why nothing can be submitted, or nil.
func (l *Log) usable() error {
	switch {
	case l.failure != nil:
		return ErrOffline
	case l.state != open:
		return ErrClosed
	}
	return nil
}

// later calls f in a later event.
func (l *Log) later(f func()) {
	l.deferred = append(l.deferred, f)
	if !l.timer.Armed() {
		l.h.SetTimer(&l.timer, l.h.Now())
	}
}

func (l *Log) runDeferred() {
	fs := l.deferred
	l.deferred = nil
	for _, f := range fs {
		f()
	}
}

// SetConfig replaces the settings from the next append on.
func (l *Log) SetConfig(cfg Config) { l.cfg = cfg.normal() }

// Config returns the settings.
func (l *Log) Config() Config { return l.cfg }

// Dir is the log's directory on its volume.
func (l *Log) Dir() string { return l.dir }

// Volume is the volume the log lives on.
func (l *Log) Volume() engine.VolumeID { return l.vol }

// Start is the log start offset.
func (l *Log) Start() int64 {
	if len(l.segs) == 0 {
		return 0
	}
	return l.segs[0].base
}

// End is the visible log end offset: every append below it has completed.
func (l *Log) End() int64 { return l.end }

// Next is the offset that the next submitted batch gets.
func (l *Log) Next() int64 { return l.next }

// Synced is the durable end: what is below survives a power failure.
func (l *Log) Synced() int64 { return min(l.synced, l.end) }

// Size is the number of bytes of all segments, appends under way included.
func (l *Log) Size() int64 {
	n := int64(0)
	for _, s := range l.segs {
		n += s.size
	}
	return n
}

// Segments is the number of segments.
func (l *Log) Segments() int { return len(l.segs) }

// LastEpoch is the last entry of the epoch cache.
func (l *Log) LastEpoch() (epoch int32, ok bool) {
	e, ok := l.epochs.last()
	return e.Epoch, ok
}

// EndOffsetFor tells where a leader epoch ends in this log: the largest known
// epoch not above the one asked for, and its end; -1, -1 when that is undefined
// (LeaderEpochFileCache.endOffsetFor).
func (l *Log) EndOffsetFor(epoch int32) (e int32, end int64) {
	return l.epochs.endOffsetFor(epoch, l.end)
}

// AssignEpoch notes that a leader epoch starts at an offset, before anything is
// appended in it (Partition.makeLeader).
func (l *Log) AssignEpoch(epoch int32, start int64) {
	if l.epochs.assign(epoch, start) {
		l.saveEpochs()
	}
}

// Epochs is a copy of the epoch cache.
func (l *Log) Epochs() []view.EpochStart {
	return append([]view.EpochStart(nil), l.epochs.entries...)
}

// Producer returns the state of one producer id.
func (l *Log) Producer(id int64) (Producer, bool) {
	p := l.producers.byID[id]
	if p == nil {
		return Producer{}, false
	}
	return p.view(), true
}

// Producers returns the state of all producer ids, sorted by id.
func (l *Log) Producers() []Producer { return l.producers.view() }

// check holds the cheap invariants; every entry point that moves an offset ends with it.
func (l *Log) check() {
	if l.Start() > l.end || l.end > l.written || l.written > l.next {
		must.Fail("log %s: start %d <= end %d <= written %d <= next %d", l.dir, l.Start(), l.end, l.written, l.next)
	}
}
