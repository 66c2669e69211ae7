package bytes

import (
	"hash/crc32"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"trial/checks/internal/bytestest"
)

func TestDecodeReadsWhatKmsgWrites(t *testing.T) {
	rec := kmsg.Record{TimestampDelta64: 5, Key: []byte("k"), Value: []byte("value")}
	rec.Length = int32(len(rec.AppendTo(nil)) - 1)
	rb := kmsg.RecordBatch{
		FirstOffset: 41, PartitionLeaderEpoch: 3, Magic: 2, Attributes: 0, FirstTimestamp: 1000, MaxTimestamp: 1005,
		ProducerID: 9, ProducerEpoch: 2, FirstSequence: 7, NumRecords: 1, Records: rec.AppendTo(nil),
	}
	raw := rb.AppendTo(nil)
	rb.Length = int32(len(raw) - 12)
	raw = rb.AppendTo(nil)
	rb.CRC = int32(crc32.Checksum(raw[21:], castagnoli))
	raw = rb.AppendTo(nil)
	b, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if b.Base != 41 || b.Last != 41 || b.LeaderEpoch != 3 || b.ProducerID != 9 || b.ProducerEpoch != 2 || b.BaseSequence != 7 || b.Len != len(raw) {
		t.Errorf("header read as %+v", b)
	}
	var got []Record
	if err := b.Each(func(r Record) { got = append(got, r) }); err != nil {
		t.Fatal(err)
	}
	want := []Record{{Offset: 41, Timestamp: 1005, Key: []byte("k"), Value: []byte("value")}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDecodeRefusesEveryFlippedBitUnderTheChecksum(t *testing.T) {
	raw := bytestest.Batch(7, 1, bytestest.Strings("hello", "world")...)
	for i := 21; i < len(raw); i++ {
		bad := slices.Clone(raw)
		bad[i] ^= 0x10
		if _, err := Decode(bad); err == nil {
			t.Fatalf("a flipped bit in byte %d went unnoticed", i)
		}
	}
}

func TestDecodeNeverPanics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOf(rapid.Byte()).Draw(t, "p")
		b, err := Decode(p)
		if err == nil {
			_ = b.Each(func(Record) {})
		}
		_, _ = DecodeMetadata(p)
	})
}

func TestDecodeLogEndsAtTheFirstDoubt(t *testing.T) {
	a, b := bytestest.Batch(0, 0, bytestest.Strings("a", "b")...), bytestest.Batch(2, 1, bytestest.Strings("c")...)
	for name, c := range map[string]struct {
		data []byte
		n    int
		tail bool
	}{
		"whole":        {slices.Concat(a, b), 2, false},
		"preallocated": {slices.Concat(a, b, make([]byte, 100)), 2, false},
		"torn":         {slices.Concat(a, b[:len(b)-3]), 1, true},
		"backwards":    {slices.Concat(b, a), 1, true},
		"garbage":      {slices.Concat(a, []byte("garbage garbage garbage garbage garbage garbage garbage garbage garbage")), 1, true},
	} {
		l := DecodeLog([]Segment{{Path: "t-0/0.log", Data: c.data}})
		if len(l.Batches) != c.n || (l.Tail != nil) != c.tail {
			t.Errorf("%s: %d batches, tail %v", name, len(l.Batches), l.Tail)
		}
	}
}

func TestMetadataRecordsReadBack(t *testing.T) {
	id := [16]byte{1, 2, 3}
	for _, c := range []struct {
		raw  []byte
		want any
	}{
		{bytestest.Topic("t", id), Topic{"t", id}},
		{bytestest.RemoveTopic(id), RemoveTopic{id}},
		{bytestest.Partition(id, 2, []int32{1, 2, 3}, []int32{1, 2}, 1, 4),
			Partition{Topic: id, ID: 2, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2}, Leader: 1, LeaderEpoch: 4}},
		{bytestest.PartitionChange(id, 2, []int32{3}, 3), PartitionChange{Topic: id, ID: 2, ISR: []int32{3}, Leader: 3, Recovery: -1}},
		{bytestest.PartitionChange(id, 2, nil, -2), PartitionChange{Topic: id, ID: 2, Leader: -2, Recovery: -1}},
		{bytestest.RegisterBroker(3, 12, true), RegisterBroker{ID: 3, Epoch: 12, Fenced: true}},
		{bytestest.FenceBroker(3, 12, -1), BrokerChange{ID: 3, Epoch: 12, Fenced: -1}},
		{[]byte{1, 20, 0, 0}, Other{20}},
	} {
		got, err := DecodeMetadata(c.raw)
		if err != nil {
			t.Errorf("%#v: %v", c.want, err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Error(d)
		}
	}
	if _, err := DecodeMetadata(bytestest.Topic("topic", id)[:8]); err == nil {
		t.Error("a record that is cut short was read")
	}
}

func TestPathsAndDirectories(t *testing.T) {
	if dir, base, ok := SplitPath("t-0/00000000000000000042.log"); dir != "t-0" || base != 42 || !ok {
		t.Error(dir, base, ok)
	}
	for _, p := range []string{"t-0/00000000000000000042.index", "00000000000000000042.log", "t-0/x.log"} {
		if _, _, ok := SplitPath(p); ok {
			t.Errorf("%s taken for a segment", p)
		}
	}
	if topic, n, ok := SplitDir("my-topic-12"); topic != "my-topic" || n != 12 || !ok {
		t.Error(topic, n, ok)
	}
	if _, _, ok := SplitDir("t-0.0123abc-delete"); ok {
		t.Error("a deleted directory taken for a partition")
	}
	d := bytestest.Disk{}
	d.Put(1, "t-0", bytestest.Batch(0, 0, []byte("a")))
	d[1]["t-0/00000000000000000001.log"] = bytestest.Batch(1, 0, []byte("b"))
	d[1]["meta.properties"] = nil
	if got := Dirs(d, 1); !slices.Equal(got, []string{"t-0"}) {
		t.Error(got)
	}
	if l := DecodeLog(Segments(d, 1, "t-0")); l.End(0) != 2 {
		t.Error(l)
	}
}

func TestOutlinesPartWhereLeaderEpochsSay(t *testing.T) {
	outline := func(end int64, epochs ...EpochStart) Outline { return Outline{Epochs: epochs, End: end} }
	for _, c := range []struct {
		name   string
		a, b   Outline
		at     int64
		differ bool
	}{
		{"equal", outline(5, EpochStart{0, 0}), outline(5, EpochStart{0, 0}), 0, false},
		{"one lags", outline(5, EpochStart{0, 0}), outline(9, EpochStart{0, 0}), 0, false},
		{"one lags by an epoch", outline(5, EpochStart{0, 0}), outline(9, EpochStart{0, 0}, EpochStart{1, 5}), 0, false},
		{"a tail of the old epoch", outline(7, EpochStart{0, 0}), outline(9, EpochStart{0, 0}, EpochStart{1, 5}), 5, true},
		{"two epochs at different places", outline(7, EpochStart{0, 0}, EpochStart{2, 6}), outline(9, EpochStart{0, 0}, EpochStart{1, 5}), 5, true},
		{"one is empty", outline(0), outline(9, EpochStart{0, 0}), 0, false},
	} {
		for range 2 {
			if at, differ := c.a.Parting(&c.b); at != c.at && differ || differ != c.differ {
				t.Errorf("%s: they part at %d (%v), want %d (%v)", c.name, at, differ, c.at, c.differ)
			}
			c.a, c.b = c.b, c.a
		}
	}
}
