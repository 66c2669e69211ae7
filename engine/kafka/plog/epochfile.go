package plog

import (
	"strconv"

	"trial/engine"
	"trial/engine/kafka/view"
)

// epochFile is leader-epoch-checkpoint, in Kafka's text format and place, for
// Kafka's tools and for whoever opens the directory after us. Our own recovery
// has no use for it: every entry that starts below the log end has its data
// there, and entries at the end are dropped on loading, as in Kafka
// (LogLoader). So its writes run behind the appends and nothing waits for them.
type epochFile struct {
	busy  bool
	again bool
	file  engine.FileID
}

const epochFileName = "leader-epoch-checkpoint"

// appendEpochs writes the format: version, number of entries, entries.
func appendEpochs(dst []byte, entries []view.EpochStart) []byte {
	dst = append(dst, "0\n"...)
	dst = strconv.AppendInt(dst, int64(len(entries)), 10)
	for _, e := range entries {
		dst = append(dst, '\n')
		dst = strconv.AppendInt(dst, int64(e.Epoch), 10)
		dst = append(dst, ' ')
		dst = strconv.AppendInt(dst, e.Start, 10)
	}
	return append(dst, '\n')
}

// saveEpochs replaces the file: write aside, sync, rename, sync the directory.
func (l *Log) saveEpochs() {
	f := &l.epochFile
	if l.state != open || l.failure != nil {
		return
	}
	if f.busy {
		f.again = true
		return
	}
	f.busy = true
	path := l.path(epochFileName)
	temp := path + ".tmp"
	data := appendEpochs(nil, l.epochs.entries)
	l.run(l.savedEpochs,
		named(engine.OpRemove, temp).allowing(engine.ErrNotExist),
		named(engine.OpCreate, temp), opened(&f.file),
		step{fill: func(op, _ *engine.DiskOp) { op.Kind, op.File, op.Data = engine.OpAppend, f.file, data }},
		onFile(engine.OpSyncFile, &f.file),
		onFile(engine.OpClose, &f.file),
		step{fill: func(op, _ *engine.DiskOp) { op.Kind, op.Path, op.NewPath = engine.OpRename, temp, path }},
		named(engine.OpSyncDir, l.dir),
	)
}

func (l *Log) savedEpochs(err error) {
	f := &l.epochFile
	f.busy, f.file = false, 0
	if err != nil && l.state == open {
		l.fail(err)
	}
	if f.again {
		f.again = false
		l.saveEpochs()
	}
	l.pump()
}
