package kafka

import (
	"slices"
	"testing"

	"trial/engine"
	"trial/internal/mutant"
)

// forced is a host whose disk notes the kinds of operations and does nothing.
type forced struct {
	engine.Host
	kinds  []engine.DiskOpKind
	probes []string
}

func (h *forced) Probe(name string) { h.probes = append(h.probes, name) }

func (h *forced) Disk(op *engine.DiskOp) {
	h.kinds = append(h.kinds, op.Kind)
	op.N = len(op.Data)
	op.Done(op)
}

// A small file gets its name when its bytes are durable, and is there when its
// name is; with LOG-02 the bytes are not.
func TestSmallFilesAreForcedBeforeTheyAreNamed(t *testing.T) {
	steps := []engine.DiskOpKind{engine.OpRemove, engine.OpCreate, engine.OpAppend, engine.OpSyncFile, engine.OpClose, engine.OpRename, engine.OpSyncDir}
	for _, planted := range []bool{false, true} {
		h, want := &forced{}, slices.Clone(steps)
		if planted && mutant.Enabled {
			want = slices.DeleteFunc(want, func(k engine.DiskOpKind) bool { return k == engine.OpSyncFile })
		}
		ended := false
		files{h: h, unsynced: planted}.replace(0, "dir/name", []byte("what it says"), func(err error) { ended = err == nil })
		if !ended || !slices.Equal(h.kinds, want) {
			t.Errorf("planted bug %v: operations %v, want %v", planted, h.kinds, want)
		}
		if got := len(h.probes) > 0; got != (planted && mutant.Enabled) {
			t.Errorf("planted bug %v: probes %v", planted, h.probes)
		}
	}
}
