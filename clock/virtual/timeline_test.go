package virtual

import (
	"fmt"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"

	"trial/clock"
)

type named string

func (named) Fire() {}

func TestTasksOfOneInstantKeepTheirOrder(t *testing.T) {
	var tl Timeline
	for i := range 20 {
		tl.Add(clock.Instant(5+i%2), named(fmt.Sprint(i)))
	}
	var got []string
	for task := tl.Next(); task != nil; task = tl.Next() {
		got = append(got, string(task.(named)))
	}
	var want []string
	for _, odd := range []int{0, 1} {
		for i := odd; i < 20; i += 2 {
			want = append(want, fmt.Sprint(i))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func TestThePastIsDueNow(t *testing.T) {
	var tl Timeline
	tl.Add(100, named("a"))
	tl.Next()
	tl.Add(50, named("late"))
	tl.Add(100, named("now"))
	if at, ok := tl.NextAt(); !ok || at != 100 {
		t.Errorf("next at %v, %v; want 100ns", at, ok)
	}
	if first := tl.Next(); first != named("late") || tl.Now() != 100 {
		t.Errorf("first %v at %v", first, tl.Now())
	}
}

// TestTimelineAgreesWithAModel plays random adds, moves, removes and takes
// against a sorted list.
func TestTimelineAgreesWithAModel(t *testing.T) {
	type item struct {
		at   clock.Instant
		seq  int
		id   ID
		name named
	}
	rapid.Check(t, func(t *rapid.T) {
		var tl Timeline
		var model []item
		seq := 0
		sorted := func() {
			sort.SliceStable(model, func(i, j int) bool {
				a, b := model[i], model[j]
				return a.at < b.at || a.at == b.at && a.seq < b.seq
			})
		}
		pick := func() int { return rapid.IntRange(0, len(model)-1).Draw(t, "which") }
		at := func() clock.Instant { return clock.Instant(rapid.IntRange(0, 60).Draw(t, "at")) }
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			op := rapid.IntRange(0, 5).Draw(t, "op")
			if len(model) == 0 {
				op = 0
			}
			seq++
			switch op {
			case 0, 1, 2:
				a := at()
				it := item{at: max(a, tl.Now()), seq: seq, name: named(fmt.Sprint(seq))}
				it.id = tl.Add(a, it.name)
				model = append(model, it)
			case 3:
				i, a := pick(), at()
				tl.Move(model[i].id, a)
				model[i].at, model[i].seq = max(a, tl.Now()), seq
			case 4:
				i := pick()
				tl.Remove(model[i].id)
				model = slices.Delete(model, i, i+1)
			case 5:
				sorted()
				want := model[0]
				model = model[1:]
				if got := tl.Next(); got != want.name || tl.Now() != want.at {
					t.Fatalf("took %v at %v, want %v at %v", got, tl.Now(), want.name, want.at)
				}
			}
			if tl.Len() != len(model) {
				t.Fatalf("%d tasks, want %d", tl.Len(), len(model))
			}
			for _, it := range model {
				if tl.fill(); tl.At(it.id) != it.at {
					t.Fatalf("task %v is at %v, want %v", it.name, tl.At(it.id), it.at)
				}
			}
		}
		sorted()
		for _, want := range model {
			if got := tl.Next(); got != want.name {
				t.Fatalf("took %v, want %v", got, want.name)
			}
		}
		if tl.Next() != nil {
			t.Fatal("a task too many")
		}
	})
}

type again struct {
	tl *Timeline
	x  uint64
}

func (a *again) Fire() {
	a.x = a.x*6364136223846793005 + 1442695040888963407
	a.tl.Add(a.tl.Now()+clock.Instant(a.x>>44), a)
}

func BenchmarkNextAdd(b *testing.B) {
	for _, n := range []int{6, 100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var tl Timeline
			for i := range n {
				tl.Add(clock.Instant(i), &again{&tl, uint64(i)})
			}
			b.ReportAllocs()
			for b.Loop() {
				tl.Next().Fire()
			}
		})
	}
}
