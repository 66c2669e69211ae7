package plog

import (
	"fmt"
	"testing"

	"trial/engine/kafka/view"
)

func TestEndOffsetForLeaderEpoch(t *testing.T) {
	var c epochCache
	if e, end := c.endOffsetFor(0, 10); e != -1 || end != -1 {
		t.Errorf("empty cache: %d, %d", e, end)
	}
	c.assign(2, 10)
	c.assign(4, 20)
	c.assign(7, 35)
	for _, x := range []struct {
		epoch, e int32
		end      int64
	}{{-1, -1, -1}, {0, 0, 10}, {1, 1, 10}, {2, 2, 20}, {3, 2, 20}, {4, 4, 35}, {5, 4, 35}, {6, 4, 35}, {7, 7, 50}, {8, -1, -1}} {
		if e, end := c.endOffsetFor(x.epoch, 50); e != x.e || end != x.end {
			t.Errorf("epoch %d: %d ends at %d, want %d at %d", x.epoch, e, end, x.e, x.end)
		}
	}
}

func TestAssignDropsWhatItContradicts(t *testing.T) {
	for _, x := range []struct {
		epoch int32
		start int64
		want  string
	}{
		{8, 40, "[{2 10} {4 20} {7 35} {8 40}]"},
		{7, 40, "[{2 10} {4 20} {7 35}]"}, // known
		{7, 30, "[{2 10} {4 20} {7 30}]"},
		{8, 35, "[{2 10} {4 20} {8 35}]"}, // 7 never got a record
		{8, 20, "[{2 10} {8 20}]"},
		{5, 50, "[{2 10} {4 20} {5 50}]"},
		{1, 5, "[{1 5}]"},
		{-1, 5, "[{2 10} {4 20} {7 35}]"},
	} {
		c := epochCache{[]view.EpochStart{{Epoch: 2, Start: 10}, {Epoch: 4, Start: 20}, {Epoch: 7, Start: 35}}}
		before := fmt.Sprint(c.entries)
		changed := c.assign(x.epoch, x.start)
		if got := fmt.Sprint(c.entries); got != x.want || changed != (got != before) {
			t.Errorf("assign(%d, %d): %s, want %s, changed %v", x.epoch, x.start, got, x.want, changed)
		}
	}
}

func TestEpochFileIsKafkasText(t *testing.T) {
	b := start(t, Config{})
	b.l.AssignEpoch(1, 0)
	b.l.AssignEpoch(3, 0)
	b.put(batch(4, 1), 3)
	b.put(batch(4, 1), 5)
	b.h.settle()
	want := "0\n2\n3 0\n5 4\n"
	i := b.h.disk.durable["t-0/leader-epoch-checkpoint"]
	if i == nil || string(i.durable) != want {
		t.Fatalf("%v, want %q", i, want)
	}
	b.l.TruncateTo(4, nil)
	b.h.settle()
	if got := string(b.h.disk.durable["t-0/leader-epoch-checkpoint"].durable); got != "0\n1\n3 0\n" {
		t.Fatalf("after truncation %q", got)
	}
}
