package replica

import (
	"testing"

	"pgregory.net/rapid"
)

func TestWaiterListIsOrderedAndKeepsArrivalOrderAmongEquals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l waiterList
		var all []*ProduceWaiter
		for i, need := range rapid.SliceOfN(rapid.Int64Range(0, 9), 0, 40).Draw(t, "needs") {
			w := &ProduceWaiter{need: need, Tag: i}
			l.insert(w)
			all = append(all, w)
		}
		gone := 0
		for _, w := range all {
			if rapid.Bool().Draw(t, "unlink") {
				w.unlink()
				w.unlink()
				gone++
			}
		}
		n := 0
		var prev *ProduceWaiter
		var before *linked[*ProduceWaiter]
		for at := l.head; at != nil; at = at.next {
			w := at.of
			if at.prev != before {
				t.Fatal("links are broken")
			}
			before = at
			if prev != nil && (prev.need > w.need || prev.need == w.need && prev.Tag.(int) > w.Tag.(int)) {
				t.Fatalf("%d (%v) before %d (%v)", prev.need, prev.Tag, w.need, w.Tag)
			}
			prev = w
			n++
		}
		if l.tail != before || n != len(all)-gone {
			t.Fatalf("%d in the list, want %d", n, len(all)-gone)
		}
	})
}
