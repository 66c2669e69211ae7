package plog

import (
	"bytes"
	"testing"

	"trial/internal/record"
	"trial/internal/record/codec"
)

func TestWhatALeaderRefuses(t *testing.T) {
	now := int64(1_700_000_000_000)
	stamped := func(ts ...int64) record.Batch {
		var w record.Builder
		w.Reset(nil)
		for _, ts := range ts {
			w.Add(ts, nil, nil)
		}
		return w.Batch()
	}
	edit := func(b record.Batch, at int, to byte, crc bool) record.Batch {
		b[at] = to
		if crc {
			b.SetCRC()
		}
		return b
	}
	control := func() record.Batch {
		var w record.Builder
		w.Reset(nil)
		w.SetControl()
		w.AddControl(now, record.ControlCommit, nil)
		return w.Batch()
	}
	compressed := func(c record.Codec, ts ...int64) record.Batch {
		var w record.Builder
		w.Reset(nil)
		for _, ts := range ts {
			w.Add(ts, nil, []byte("a value"))
		}
		w.Compress(&codec.State{}, c, 0)
		return w.Batch()
	}
	cut := func(b record.Batch) record.Batch {
		b = b[:len(b)-3]
		b[11] -= 3
		b.SetCRC()
		return b
	}
	for name, c := range map[string]struct {
		data   []byte
		origin Origin
		code   int16
	}{
		"a good batch":             {batch(3, 10), OriginClient, 0},
		"nothing":                  {nil, OriginClient, 87},
		"two batches":              {append(batch(1, 1), batch(1, 1)...), OriginClient, 87},
		"two of a coordinator":     {append(batch(1, 1), batch(1, 1)...), OriginCoordinator, 0},
		"too large":                {batch(1, 5000), OriginClient, 10},
		"too large by Raft":        {batch(1, 5000), OriginRaft, 0},
		"damaged":                  {edit(batch(1, 50), 80, 7, false), OriginClient, 2},
		"damaged by Raft":          {edit(batch(1, 50), 80, 7, false), OriginRaft, 2},
		"cut short":                {batch(1, 50)[:90], OriginClient, 2},
		"garbage behind":           {append(batch(1, 50), 1), OriginClient, 87},
		"magic 1":                  {edit(batch(1, 1), 16, 1, true), OriginClient, 87},
		"base offset 1":            {edit(batch(1, 1), 7, 1, false), OriginClient, 87},
		"client's leader epoch":    {edit(batch(1, 1), 13, 77, false), OriginClient, 0},
		"count differs":            {edit(batch(3, 1), 60, 2, true), OriginClient, 87},
		"no records":               {edit(stamped(), 60, 0, true), OriginClient, 87},
		"records cut":              {edit(batch(1, 50), 61, 4, true), OriginClient, 87},
		"control batch":            {control(), OriginClient, 87},
		"control of a coordinator": {control(), OriginCoordinator, 0},
		"control by Raft":          {control(), OriginRaft, 0},
		"negative sequence":        {idempotent(5, 0, -1, 1), OriginClient, 87},
		"negative producer epoch":  {idempotent(5, -1, 0, 1), OriginClient, 87},
		"unknown codec":            {edit(batch(1, 1), 22, 6, true), OriginClient, 76},
		"compressed":               {compressed(record.Zstd, now, now+1), OriginClient, 0},
		"not what its codec says":  {edit(batch(1, 1), 22, 2, true), OriginClient, -1},
		"cut in its compression":   {cut(compressed(record.Gzip, now)), OriginClient, -1},
		"compressed, count is off": {edit(edit(compressed(record.LZ4, now, now), 60, 3, false), 26, 2, true), OriginClient, 87},
		"compressed, hours ahead":  {compressed(record.Snappy, now, now+7_200_000), OriginClient, 32},
		"log append time":          {edit(batch(1, 1), 22, 8, true), OriginClient, 32},
		"an hour ahead":            {stamped(now + 3_600_000), OriginClient, 0},
		"more than an hour ahead":  {stamped(now, now+3_600_001), OriginClient, 32},
		"a day old":                {stamped(now - 86_400_000), OriginClient, 0},
		"more than a day old":      {stamped(now-86_400_001, now), OriginClient, 32},
		"no timestamp":             {stamped(-1), OriginClient, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, Config{MaxMessageBytes: 4000, TimestampBeforeMaxMs: 86_400_000})
			_, code := b.l.AppendLeader(&Append{Data: bytes.Clone(c.data), Origin: c.origin}, 0)
			if code != c.code {
				t.Fatalf("code %d, want %d", code, c.code)
			}
			if code != 0 && (b.l.Next() != 0 || len(b.h.pending) != 0) {
				t.Fatal("something was submitted")
			}
			b.h.settle()
			if b.l.Offline() {
				t.Fatal("offline")
			}
		})
	}
	b := start(t, Config{SegmentBytes: 100})
	if _, code := b.l.AppendLeader(&Append{Data: batch(1, 500)}, 0); code != 18 {
		t.Errorf("batch larger than a segment: %d", code)
	}
}

func TestLogAppendTimeRewritesTheTimestamp(t *testing.T) {
	b := start(t, Config{LogAppendTime: true})
	b.h.wallMs += 777
	x := idempotent(1, 0, 0, 2)
	res, code := b.l.AppendLeader(&Append{Data: x}, 0)
	if code != 0 || res.AppendTimeMs != b.h.wallMs || !x.LogAppendTime() || x.MaxTimestamp() != b.h.wallMs || x.Check() != nil {
		t.Fatalf("%+v, code %d", res, code)
	}
	b.h.settle()
	stamp := b.h.wallMs
	b.h.wallMs += 1000
	if res, _ = b.l.AppendLeader(&Append{Data: idempotent(1, 0, 0, 2)}, 0); !res.Duplicate || res.AppendTimeMs != stamp {
		t.Fatalf("%+v", res)
	}
}

func TestWrongMaxTimestampIsPutRight(t *testing.T) {
	b := start(t, Config{})
	x := batch(3, 1)
	right := x.MaxTimestamp()
	x.SetMaxTimestamp(12, false)
	b.put(x, 0)
	if x.MaxTimestamp() != right || x.Check() != nil {
		t.Fatalf("max timestamp %d, want %d", x.MaxTimestamp(), right)
	}
}

func TestConfigChangesFromTheNextAppendOn(t *testing.T) {
	b := start(t, Config{})
	b.l.SetConfig(Config{MaxMessageBytes: 100})
	if _, code := b.l.AppendLeader(&Append{Data: batch(1, 500)}, 0); code != 10 {
		t.Fatalf("code %d", code)
	}
}
