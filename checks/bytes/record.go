package bytes

// Record is one record of a batch.
type Record struct {
	Offset    int64
	Timestamp int64
	Key       []byte // nil for null
	Value     []byte // nil for null
}

// Each calls f for every record, in order, decompressing them if need be.
func (b *Batch) Each(f func(Record)) error {
	encoded, err := b.decompressed()
	if err != nil {
		return err
	}
	r := reader{p: encoded}
	for range b.NumRecords {
		size := r.varint()
		if size < 0 || size > int64(len(r.p)) {
			return errRead
		}
		body := reader{p: r.take(int(size))}
		body.i8() // attributes
		rec := Record{Timestamp: b.BaseTimestamp + body.varint()}
		rec.Offset = b.Base + body.varint()
		rec.Key = body.varBytes()
		rec.Value = body.varBytes()
		if r.bad || body.bad || rec.Offset < b.Base || rec.Offset > b.Last {
			return errRead
		}
		f(rec)
	}
	if r.bad {
		return errRead
	}
	return nil
}

// varBytes reads a zigzag length and that many bytes; -1 is null.
func (r *reader) varBytes() []byte {
	n := r.varint()
	if n < 0 || n > int64(len(r.p)) {
		r.bad = r.bad || n != -1
		return nil
	}
	return r.take(int(n))
}
