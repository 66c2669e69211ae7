package plog

import (
	"math"
	"testing"
)

func TestDuplicatesAreAnsweredWithTheirOldOffsets(t *testing.T) {
	b := start(t, Config{})
	seq := int32(0)
	for range 7 {
		b.put(idempotent(9, 0, seq, 3), 1)
		seq += 3
	}
	for i := range int32(7) {
		again := idempotent(9, 0, 3*i, 3)
		res, code := b.l.AppendLeader(&Append{Data: again}, 1)
		if i < 2 { // older than five batches
			if code != 45 {
				t.Errorf("batch %d: code %d", i, code)
			}
			continue
		}
		if code != 0 || !res.Duplicate || !res.Pending || res.Base != int64(3*i) || res.Last != int64(3*i+2) {
			t.Errorf("batch %d: %+v, code %d", i, res, code)
		}
	}
	b.h.settle()
	res, code := b.l.AppendLeader(&Append{Data: idempotent(9, 0, 18, 3)}, 1)
	if code != 0 || !res.Duplicate || res.Pending {
		t.Errorf("%+v, code %d", res, code)
	}
	b.offsets(0, 21, 21)
}

func TestSequenceRules(t *testing.T) {
	type send struct {
		epoch int16
		seq   int32
		n     int
		code  int16
		dup   bool
	}
	for name, sends := range map[string][]send{
		"unknown producers start anywhere": {{3, 70, 2, 0, false}, {3, 72, 1, 0, false}},
		"a gap is refused":                 {{0, 0, 2, 0, false}, {0, 3, 1, 45, false}, {0, 2, 1, 0, false}},
		"going back is refused":            {{0, 0, 2, 0, false}, {0, 2, 2, 0, false}, {0, 1, 1, 45, false}},
		"the same again is a duplicate":    {{0, 0, 2, 0, false}, {0, 0, 2, 0, true}},
		"another length is no duplicate":   {{0, 0, 2, 0, false}, {0, 0, 3, 45, false}},
		"an old epoch is fenced":           {{5, 0, 1, 0, false}, {4, 1, 1, 47, false}},
		"a new epoch starts at 0":          {{5, 9, 1, 0, false}, {6, 10, 1, 45, false}, {6, 0, 1, 0, false}, {6, 1, 1, 0, false}},
		"an old epoch's duplicate is fenced": {
			{5, 0, 1, 0, false}, {6, 0, 1, 0, false}, {5, 0, 1, 47, false}},
		"a new epoch forgets the batches": {
			{5, 0, 1, 0, false}, {5, 1, 1, 0, false}, {6, 0, 1, 0, false}, {6, 1, 1, 0, false}, {6, 1, 1, 0, true}},
		"sequences wrap": {{0, math.MaxInt32 - 1, 2, 0, false}, {0, 0, 1, 0, false}, {0, math.MaxInt32 - 1, 2, 0, true}},
		"sequences wrap in a batch": {
			{0, math.MaxInt32 - 1, 4, 0, false}, {0, 2, 1, 0, false}, {0, math.MaxInt32 - 1, 4, 0, true}},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, Config{})
			for i, s := range sends {
				res, code := b.l.AppendLeader(&Append{Data: idempotent(1, s.epoch, s.seq, s.n)}, 0)
				if code != s.code || res.Duplicate != s.dup {
					t.Fatalf("send %d: code %d, %+v", i, code, res)
				}
			}
			b.h.settle()
			before := b.l.Producers()
			c := reopen(t, b.h.crash(false), Config{})
			after := c.l.Producers()
			if len(before) != 1 || len(after) != 1 || before[0].Epoch != after[0].Epoch || len(before[0].Batches) != len(after[0].Batches) {
				t.Fatalf("recovery changes %+v to %+v", before, after)
			}
		})
	}
}

func TestTruncationTakesProducersBack(t *testing.T) {
	b := start(t, Config{})
	b.put(idempotent(1, 0, 0, 1), 0)
	b.put(idempotent(2, 0, 0, 1), 0)
	b.put(idempotent(1, 1, 0, 1), 0)
	b.l.TruncateTo(1, nil)
	if _, ok := b.l.Producer(2); ok {
		t.Error("producer 2 is still known")
	}
	if p, _ := b.l.Producer(1); p.Epoch != 0 || len(p.Batches) != 1 {
		t.Errorf("%+v", p)
	}
	b.put(idempotent(1, 0, 1, 1), 0) // continues epoch 0
	b.h.settle()
	b.offsets(0, 2, 2)
}

func TestFollowersNeverRefuseASequence(t *testing.T) {
	b := start(t, Config{})
	for i, x := range []struct {
		epoch int16
		seq   int32
	}{{3, 7}, {3, 100}, {2, 0}} {
		data := idempotent(4, x.epoch, x.seq, 1)
		data.SetBaseOffset(int64(i))
		b.must(b.l.AppendFollower(&Append{Data: data}))
	}
	b.h.settle()
	if p, _ := b.l.Producer(4); p.Epoch != 2 || len(p.Batches) != 1 {
		t.Errorf("%+v", p)
	}
}
