package simdisk

import (
	"bytes"
	"testing"

	"trial/engine"
)

// A failed sync gives writes up, a truncation cuts them off, and the next sync
// makes that durable: no power failure brings them back.
func TestWhatATruncationCutOffStaysGone(t *testing.T) {
	for seed := range uint64(60) {
		for _, size := range []int{100, 130} { // all of what was given up, or a part
			b := newBench(seed)
			f := b.create(t, "f")
			b.Do(&engine.DiskOp{Kind: engine.OpSyncDir, Path: "."})
			sync := &engine.DiskOp{Kind: engine.OpSyncFile, File: f}
			b.Do(appendOp(f, bytes.Repeat([]byte("a"), 100)), sync)
			b.v.Fail(FailSync, 0, 1)
			b.Do(appendOp(f, bytes.Repeat([]byte("b"), 50)), &engine.DiskOp{Kind: engine.OpSyncFile, File: f})
			b.Do(&engine.DiskOp{Kind: engine.OpTruncate, File: f, Size: int64(size)}, &engine.DiskOp{Kind: engine.OpSyncFile, File: f})
			b.v.PowerFail()
			got, err := b.v.ReadFile("f")
			if err != nil || len(got) > size || !bytes.HasPrefix(got, bytes.Repeat([]byte("a"), 100)) {
				t.Fatalf("seed %d: %d bytes are back, truncated durably to %d: %v", seed, len(got), size, err)
			}
		}
	}
}
