package image

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kbin"
	"pgregory.net/rapid"

	"trial/engine/kafka/view"
)

func genUUID(t *rapid.T, name string) (id UUID) {
	id[0], id[15] = 9, rapid.Byte().Draw(t, name)
	return id
}

func genInts(t *rapid.T, name string) []int32 {
	if rapid.Bool().Draw(t, name+" nil") {
		return nil
	}
	return rapid.SliceOfN(rapid.Int32(), 0, 4).Draw(t, name)
}

func genStr(t *rapid.T, name string) *string {
	if rapid.Bool().Draw(t, name+" nil") {
		return nil
	}
	s := rapid.StringN(0, 5, 40).Draw(t, name)
	return &s
}

func genRecord(t *rapid.T) Record {
	i32, i64 := func(n string) int32 { return rapid.Int32().Draw(t, n) }, func(n string) int64 { return rapid.Int64().Draw(t, n) }
	s := func(n string) string { return rapid.StringN(0, 5, 40).Draw(t, n) }
	switch rapid.IntRange(0, 11).Draw(t, "kind") {
	case 0:
		m := &RegisterBroker{BrokerID: i32("id"), IncarnationID: genUUID(t, "inc"), BrokerEpoch: i64("epoch"), Rack: genStr(t, "rack"),
			Fenced: rapid.Bool().Draw(t, "fenced"), InControlledShutdown: rapid.Bool().Draw(t, "stop")}
		for range rapid.IntRange(0, 2).Draw(t, "n") {
			m.Endpoints = append(m.Endpoints, Endpoint{s("n"), s("h"), rapid.Uint16().Draw(t, "p"), rapid.Int16().Draw(t, "sp")})
			m.Features = append(m.Features, FeatureRange{s("f"), rapid.Int16().Draw(t, "a"), rapid.Int16().Draw(t, "b")})
			m.LogDirs = append(m.LogDirs, genUUID(t, "dir"))
		}
		return m
	case 1:
		return &UnregisterBroker{i32("id"), i64("epoch")}
	case 2:
		return &TopicRecord{s("name"), genUUID(t, "id")}
	case 3:
		return &RemoveTopic{genUUID(t, "id")}
	case 4:
		return &PartitionRecord{PartitionID: i32("p"), TopicID: genUUID(t, "id"), Replicas: genInts(t, "r"), ISR: genInts(t, "isr"),
			Removing: genInts(t, "rm"), Adding: genInts(t, "ad"), Leader: i32("l"), RecoveryState: rapid.Int8Range(0, 1).Draw(t, "rs"),
			LeaderEpoch: i32("le"), PartitionEpoch: i32("pe"), Directories: []UUID{genUUID(t, "d")}, ELR: genInts(t, "elr"), LastKnownELR: genInts(t, "lk")}
	case 5:
		return &PartitionChange{PartitionID: i32("p"), TopicID: genUUID(t, "id"), ISR: genInts(t, "isr"), Leader: rapid.Int32Range(-2, 9).Draw(t, "l"),
			Replicas: genInts(t, "r"), Removing: genInts(t, "rm"), Adding: genInts(t, "ad"), RecoveryState: rapid.Int8Range(-1, 1).Draw(t, "rs"),
			ELR: genInts(t, "elr"), LastKnownELR: genInts(t, "lk"), Directories: []UUID{genUUID(t, "d")}}
	case 6:
		return &ConfigRecord{rapid.Int8().Draw(t, "type"), s("res"), s("name"), genStr(t, "value")}
	case 7:
		return &FeatureLevel{s("name"), rapid.Int16().Draw(t, "level")}
	case 8:
		return &ProducerIDs{i32("id"), i64("epoch"), i64("next")}
	case 9:
		return &BrokerRegistrationChange{i32("id"), i64("epoch"), rapid.Int8Range(-1, 1).Draw(t, "f"), rapid.Int8Range(0, 1).Draw(t, "s"), nil}
	case 10:
		return &FenceBroker{i32("id"), i64("epoch")}
	}
	return &NoOp{}
}

func TestRecordsDecodeToWhatWasEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rec := genRecord(t)
		b := Append(nil, rec)
		got, err := Decode(b)
		if err != nil {
			t.Fatalf("%+v: %v", rec, err)
		}
		if again := Append(nil, got); !bytes.Equal(again, b) {
			t.Fatalf("%+v encodes as %x, its decoding %+v as %x", rec, b, got, again)
		}
	})
}

// The bytes are derived by hand from Kafka's schemas.
func TestRecordsAreEncodedAsKafkaDoes(t *testing.T) {
	change := NewPartitionChange(UUID{15: 7}, 3)
	change.ISR, change.Leader = []int32{1}, 2
	for _, c := range []struct {
		rec  Record
		want string
	}{
		{&NoOp{}, "01 14 00 00"},
		{&FeatureLevel{"metadata.version", 30}, "01 0c 00 11" + hex.EncodeToString([]byte("metadata.version")) + "001e 00"},
		{&TopicRecord{"t", UUID{15: 7}}, "01 02 00 0274 00000000000000000000000000000007 00"},
		{change, "01 05 02 00000003 00000000000000000000000000000007 02 0005 02 00000001 0104 00000002"},
		{&BrokerRegistrationChange{BrokerID: 1, BrokerEpoch: 5, Fenced: -1}, "01 11 02 00000001 0000000000000005 01 0001 ff"},
		{&ConfigRecord{2, "t", "k", nil}, "01 04 00 02 0274 026b 00 00"},
		{&ProducerIDs{1, 2, 1000}, "01 0f 00 00000001 0000000000000002 00000000000003e8 00"},
	} {
		want, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(c.want), []byte(" "), nil)))
		if err != nil {
			t.Fatal(err)
		}
		if got := Append(nil, c.rec); !bytes.Equal(got, want) {
			t.Errorf("%T is %x, want %x", c.rec, got, want)
		}
	}
}

func TestUnknownRecordsAndTagsAreSkipped(t *testing.T) {
	rec, err := Decode([]byte{1, 27, 0, 1, 2, 3})
	if u, ok := rec.(*Unknown); err != nil || !ok || u.APIKey != 27 {
		t.Errorf("unknown type: %+v, %v", rec, err)
	}
	b := Append(nil, &RemoveTopic{UUID{1}})
	b = append(b[:len(b)-1], 1, 99, 2, 'x', 'y') // one tag, number 99, two bytes
	if rec, err = Decode(b); err != nil || rec.(*RemoveTopic).TopicID != (UUID{1}) {
		t.Errorf("unknown tag: %+v, %v", rec, err)
	}
	if rec, err = Decode(append(b, 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("bytes behind the record: %+v, %v", rec, err)
	}
	huge := kbin.AppendUvarint(append([]byte{1, 3, 2}, make([]byte, 20)...), 1<<31)
	if _, err = Decode(huge); !errors.Is(err, ErrMalformed) {
		t.Errorf("a huge array: %v", err)
	}
}

func FuzzDecodeNeverPanics(f *testing.F) {
	f.Add(Append(nil, &RegisterBroker{Endpoints: []Endpoint{{Name: "x"}}, LogDirs: []UUID{{1}}}))
	f.Add(Append(nil, &PartitionRecord{Replicas: []int32{1, 2}, ELR: []int32{1}}))
	f.Add(Append(nil, NewPartitionChange(UUID{}, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		rec, err := Decode(b)
		if err != nil {
			return
		}
		if _, ok := rec.(*Unknown); ok {
			return
		}
		if got, err := Decode(Append(nil, rec)); err != nil || got.Key() != rec.Key() {
			t.Fatalf("%+v does not survive: %v", rec, err)
		}
		e := Empty().Edit()
		if err := e.Apply(rec, 1); err != nil && !errors.Is(err, ErrBadRecord) {
			t.Fatal(err)
		}
	})
}

// history is a sequence of records that apply one after the other.
func history(t *rapid.T) []Record {
	var out []Record
	e := Empty().Edit()
	for range rapid.IntRange(1, 60).Draw(t, "records") {
		var rec Record
		id := UUID{15: byte(rapid.IntRange(1, 3).Draw(t, "topic"))}
		name := fmt.Sprintf("t%d", id[15])
		switch rapid.IntRange(0, 7).Draw(t, "kind") {
		case 0:
			rec = &RegisterBroker{BrokerID: rapid.Int32Range(1, 3).Draw(t, "b"), BrokerEpoch: int64(len(out)), Fenced: true}
		case 1:
			b := rapid.Int32Range(1, 3).Draw(t, "b")
			if e.Image().Broker(b) == nil {
				continue
			}
			rec = &BrokerRegistrationChange{BrokerID: b, BrokerEpoch: e.Image().Broker(b).Epoch, Fenced: -1}
		case 2:
			rec = &TopicRecord{name, id}
		case 3:
			rec = &RemoveTopic{id}
		case 4:
			n := int32(0)
			if top := e.Image().TopicByID(id); top != nil {
				n = int32(len(top.Partitions))
			}
			rec = &PartitionRecord{PartitionID: n, TopicID: id, Replicas: []int32{1, 2}, ISR: []int32{1, 2}, Leader: 1}
		case 5:
			c := NewPartitionChange(id, 0)
			c.Leader = rapid.Int32Range(-1, 2).Draw(t, "leader")
			rec = c
		case 6:
			rec = &ConfigRecord{ResourceTopic, name, rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key"), genStr(t, "v")}
		case 7:
			rec = &FeatureLevel{rapid.SampledFrom([]string{"x", "y"}).Draw(t, "f"), rapid.Int16Range(0, 3).Draw(t, "level")}
		}
		if e.Apply(rec, int64(len(out))) == nil {
			out = append(out, rec)
		}
	}
	return out
}

func TestImagesDoNotDependOnHowRecordsAreGroupedAndNeverChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		recs := history(t)
		whole := Empty().Edit()
		for i, r := range recs {
			if err := whole.Apply(r, int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		want, _ := whole.Done(int64(len(recs)), 1)

		im := Empty()
		type old struct {
			im   *Image
			hash uint64
			dump string
		}
		var olds []old
		for at := 0; at < len(recs); {
			n := min(rapid.IntRange(1, 5).Draw(t, "group"), len(recs)-at)
			e := im.Edit()
			for i := range n {
				if err := e.Apply(recs[at+i], int64(at+i)); err != nil {
					t.Fatal(err)
				}
			}
			before := im
			var d Delta
			im, d = e.Done(int64(at+n), 1)
			checkDelta(t, before, im, d)
			at += n
			olds = append(olds, old{im, im.Hash(), dump(im)})
		}
		if im.Hash() != want.Hash() || dump(im) != dump(want) {
			t.Fatalf("grouped:\n%s\nwhole:\n%s", dump(im), dump(want))
		}
		if got := rehash(im); got != im.Hash() {
			t.Fatalf("incremental hash %x, from scratch %x", im.Hash(), got)
		}
		for _, o := range olds {
			if dump(o.im) != o.dump || o.im.Hash() != o.hash {
				t.Fatal("an image changed after it was made")
			}
		}
	})
}

// rehash computes the hash of an image from its content.
func rehash(im *Image) uint64 {
	e := Empty().Edit()
	h := uint64(0)
	for _, b := range im.Brokers() {
		h += e.hashBroker(b)
	}
	for _, t := range im.Topics() {
		h += hashTopic(t)
		for id, p := range t.Partitions {
			h += e.hashPartition(t.ID, int32(id), p)
		}
	}
	for _, r := range im.Resources() {
		for _, c := range r.Entries {
			h += hashConfig(r.ResourceKey, c)
		}
	}
	for _, f := range im.Features() {
		h += hashFeature(f)
	}
	return h + hashPID(im.NextProducerID())
}

func dump(im *Image) string {
	s := ""
	for _, b := range im.Brokers() {
		s += fmt.Sprintf("%+v\n", *b)
	}
	for _, t := range im.Topics() {
		s += t.Name + "\n"
		for _, p := range t.Partitions {
			s += fmt.Sprintf(" %+v\n", *p)
		}
	}
	for _, r := range im.Resources() {
		s += fmt.Sprintf("%+v\n", *r)
	}
	return s + fmt.Sprint(im.Features(), im.NextProducerID())
}

// checkDelta: a delta says exactly what differs.
func checkDelta(t *rapid.T, old, new *Image, d Delta) {
	for _, p := range d.Partitions {
		o, n := old.TopicByID(UUID(p.ID)).Partition(p.Partition), new.TopicByID(UUID(p.ID)).Partition(p.Partition)
		if p.Old != o || p.New != n {
			t.Fatalf("delta of %v: %v -> %v, images say %v -> %v", p.TP, p.Old, p.New, o, n)
		}
	}
	for _, top := range new.Topics() {
		for id, p := range top.Partitions {
			if old.TopicByID(top.ID).Partition(int32(id)) != p && !mentioned(d, view.TP{Topic: top.Name, ID: view.TopicID(top.ID), Partition: int32(id)}) {
				t.Fatalf("partition %s-%d changed silently", top.Name, id)
			}
		}
	}
	for _, b := range d.Brokers {
		if old.Broker(b.ID) != b.Old || new.Broker(b.ID) != b.New {
			t.Fatalf("delta of broker %d is wrong", b.ID)
		}
	}
	for _, top := range d.TopicsRemoved {
		if old.TopicByID(top.ID) == nil || new.TopicByID(top.ID) == top {
			t.Fatalf("topic %s is not removed", top.Name)
		}
	}
	for _, top := range d.TopicsAdded {
		if new.TopicByID(top.ID) != top {
			t.Fatalf("topic %s is not added", top.Name)
		}
	}
}

func mentioned(d Delta, tp view.TP) bool {
	for _, p := range d.Partitions {
		if p.TP == tp {
			return true
		}
	}
	return false
}

func TestRecordsThatDoNotFitAreRefused(t *testing.T) {
	for _, rec := range []Record{&RemoveTopic{UUID{1}}, NewPartitionChange(UUID{1}, 0), &PartitionRecord{TopicID: UUID{1}},
		&UnregisterBroker{1, 1}, &BrokerRegistrationChange{BrokerID: 1}} {
		if err := Empty().Edit().Apply(rec, 0); !errors.Is(err, ErrBadRecord) {
			t.Errorf("%T on an empty image: %v", rec, err)
		}
	}
}

func TestMergeCountsEpochs(t *testing.T) {
	p := &Partition{Replicas: []int32{1, 2}, Directories: []UUID{{1}, {2}}, ISR: []int32{1, 2}, Leader: 1, LeaderEpoch: 4, PartitionEpoch: 7}
	c := NewPartitionChange(UUID{}, 0)
	c.ISR = []int32{1}
	if n := p.Merge(c); n.LeaderEpoch != 4 || n.PartitionEpoch != 8 || n.Leader != 1 || len(n.ISR) != 1 {
		t.Errorf("a shrink gives %+v", n)
	}
	c.Leader, c.Replicas = 2, []int32{2, 3}
	want := &Partition{Replicas: []int32{2, 3}, Directories: []UUID{{2}, {}}, ISR: []int32{1}, Leader: 2, LeaderEpoch: 5, PartitionEpoch: 8}
	if diff := cmp.Diff(want, p.Merge(c)); diff != "" {
		t.Error(diff)
	}
}
