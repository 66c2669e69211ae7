package engine

import "testing"

func TestStreamsSplitByNameAndDrawTheSameEverywhere(t *testing.T) {
	a, b, c := NewStream(7, "net"), NewStream(7, "net"), NewStream(7, "disk")
	same, other := 0, 0
	for range 1000 {
		x := a.Uint64()
		if x == b.Uint64() {
			same++
		}
		if x == c.Uint64() {
			other++
		}
	}
	if same != 1000 || other != 0 {
		t.Errorf("equal streams agreed on %d of 1000 draws, differently named ones on %d; want 1000 and 0", same, other)
	}
	// Pinned: a change here changes every seed of every user.
	if got := NewStream(1, "pin").Uint64(); got != pinnedDraw {
		t.Errorf("first draw of stream (1, pin) = %#x, want %#x", got, uint64(pinnedDraw))
	}
}

func TestStreamNIsInRangeAndReachesItsEnds(t *testing.T) {
	s := NewStream(3, "n")
	var seen [7]int
	for range 7000 {
		seen[s.N(7)]++
	}
	for i, n := range seen {
		if n < 800 || n > 1200 {
			t.Errorf("%d drawn %d times of 7000, want about 1000", i, n)
		}
	}
	for range 100 {
		if v := s.Between(-2, 2); v < -2 || v > 2 {
			t.Fatalf("Between(-2, 2) drew %d", v)
		}
	}
}

func TestPoolGivesRoomAndNoticesDoubleRelease(t *testing.T) {
	p := Pool{Poison: true}
	for _, n := range []int{0, 1, 128, 129, 4096, 1 << 20, 1<<24 + 1} {
		b := p.Get(n)
		if len(b.B) != 0 || cap(b.B) < n {
			t.Errorf("Get(%d) has length %d and capacity %d", n, len(b.B), cap(b.B))
		}
		b.B = append(b.B, make([]byte, n)...)
		old := b.B
		p.Put(b)
		for _, x := range old {
			if x != 0xDB {
				t.Fatalf("a released buffer of %d bytes is not poisoned", n)
			}
		}
	}
	b := p.Get(10)
	p.Put(b)
	defer func() {
		if recover() == nil {
			t.Error("a second release of one buffer went unnoticed")
		}
	}()
	p.Put(b)
}

const pinnedDraw = 0xb3b028acf3378bf9
