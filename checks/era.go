package checks

// EraEnd ends an era of a partition: the ledger found that committed data at and
// above Offset was removed legally when leader epoch Epoch began.
type EraEnd struct {
	Part
	Epoch  int32
	Offset int64
	// Until is, where a later unclean election may have brought back what this one
	// gave up, the leader epoch of the last such election; else 0. Offset is where
	// the final log parts from what was before; the leaders of the epochs from Epoch
	// to before Until may have led a log that ended lower.
	Until int32
	// FromSeq is the history event before which it cannot have happened.
	FromSeq int64
	// Ranges are the offsets whose loss is excused, sorted; nil excuses everything
	// at and above Offset.
	Ranges []Range
	// Case is the row of the ledger: "C1", "D" ...
	Case string
}

// Range is a span of offsets [From, To).
type Range struct{ From, To int64 }

// Interim reports whether what a leader of the given epoch said may speak of a
// log that neither the era before nor the final log shows.
func (c *EraEnd) Interim(epoch int32) bool { return c.Epoch <= epoch && epoch < c.Until }

// Covers reports whether the loss of offset o is excused.
func (c *EraEnd) Covers(o int64) bool {
	if o < c.Offset {
		return false
	}
	if c.Ranges == nil {
		return true
	}
	for _, r := range c.Ranges {
		if r.From <= o && o < r.To {
			return true
		}
	}
	return false
}

// Allowed counts outcomes that the configuration permits, for the summary.
type Allowed struct {
	Case  string // row of the ledger
	What  string // "lost", "duplicated", "reordered"
	Count int64
	// Sentence says why, with the configuration and one example.
	Sentence string
}
