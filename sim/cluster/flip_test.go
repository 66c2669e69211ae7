package cluster

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"trial/engine"
	"trial/faults"
)

// batchOf is a batch with some records, as far as its checksum goes.
func batchOf(records string) []byte {
	b := make([]byte, batchRecords, batchRecords+len(records))
	b = append(b, records...)
	binary.BigEndian.PutUint32(b[batchLengthAt:], uint32(len(b)-batchLenPart))
	b[batchMagicAt] = batchMagic
	binary.BigEndian.PutUint32(b[batchCRCAt:], crc32.Checksum(b[batchCovered:], castagnoli))
	return b
}

// A flip changes one byte, in the records of a batch, so that the checksum tells;
// a frame without records stays as it is.
func TestFlipDamagesOnlyWhatAChecksumCovers(t *testing.T) {
	draw := engine.NewStream(1, "test")
	one, two := batchOf("first records"), batchOf("second")
	head := []byte("some header of an answer, and then: ")
	frame := bytes.Join([][]byte{head, one, two, []byte("tail")}, nil)
	for range 200 {
		got := bytes.Clone(frame)
		if !damage(got, draw) {
			t.Fatal("no batch found")
		}
		var at []int
		for i := range got {
			if got[i] != frame[i] {
				at = append(at, i)
			}
		}
		if len(at) != 1 {
			t.Fatalf("bytes %v changed, want one", at)
		}
		i := at[0] - len(head)
		if inOne, inTwo := i >= batchRecords && i < len(one), i >= len(one)+batchRecords && i < len(one)+len(two); !inOne && !inTwo {
			t.Fatalf("byte %d changed, which is in no batch's records", at[0])
		}
	}
	for _, b := range [][]byte{nil, head, one[:len(one)-1], bytes.Repeat([]byte{2}, 500)} {
		got := bytes.Clone(b)
		if damage(got, draw) || !bytes.Equal(got, b) {
			t.Errorf("%d bytes without a whole batch were damaged", len(b))
		}
	}
}

// A correct engine notices every flip, and everything else goes on.
func TestFlippedRecordsAreRefused(t *testing.T) {
	var corrupt, struck int64
	for _, seed := range seeds(t, 4) {
		p, err := Draw(seed, Options{Scenario: "calm"})
		if err != nil {
			t.Fatal(err)
		}
		p.Faults, err = faults.Parse("6s flip n1 | n2,n3 for 5s\n 12s flip n2 | n1,n3 for 5s\n 18s flip n3 > n1,n2 for 5s\n")
		if err != nil {
			t.Fatal(err)
		}
		r := Run(p, RunOptions{})
		if r.Failed() {
			t.Errorf("seed %s: %s", SeedString(seed), r.Sentence())
		}
		corrupt += r.Probe("replica.fetcher.corrupt")
		struck += r.Faults
	}
	if corrupt == 0 || struck == 0 {
		t.Errorf("%d flips struck, a follower refused %d answers", struck, corrupt)
	}
}
