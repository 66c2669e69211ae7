package faults

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trial/clock"
)

// podWorld is a fakeWorld whose nodes are pods; n3 does not end when it is asked to.
type podWorld struct {
	*fakeWorld
	lives map[string]uint64
	spare func(node string) bool
}

func (w *podWorld) Life(n string) uint64 { return w.lives[n] }
func (w *podWorld) Start(n string)       { w.lives[n]++; w.fakeWorld.Start(n) }
func (w *podWorld) NewPod(n string)      { w.note("new pod %s", n) }
func (w *podWorld) Zone(z string) []string {
	return map[string][]string{"a": {"n1", "n3"}}[z]
}
func (w *podWorld) Ready(n string) bool                 { return !w.down[n] }
func (w *podWorld) Spare(n string, queue []string) bool { return w.spare == nil || w.spare(n) }
func (w *podWorld) Stop(n string) {
	w.note("stop %s", n)
	w.down[n] = n != "n3"
}

func podFaults(t *testing.T, text string, spare func(string) bool, until clock.Duration, heal bool) []string {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	w := &podWorld{fakeWorld: &fakeWorld{down: map[string]bool{}, froze: map[string]bool{}}, lives: map[string]uint64{}, spare: spare}
	in := Apply(w, s, nil, nil)
	w.run(clock.Instant(until))
	if heal {
		in.Heal()
		w.run(clock.Instant(until + clock.Second))
	}
	slices.Sort(w.did)
	return w.did
}

func TestPodsAreReplacedLostAndRolled(t *testing.T) {
	for _, c := range []struct {
		name, text string
		spare      func(string) bool
		until      clock.Duration
		heal       bool
		want       []string
	}{
		{name: "a pod is stopped, made anew and started", text: "1s replace n1 for 5s", until: 20 * clock.Second,
			want: []string{"1s stop n1", "6s new pod n1", "6s start n1"}},
		{name: "one that does not end is killed after the grace", text: "1s replace n3 for 5s", until: 60 * clock.Second,
			want: []string{"1s stop n3", "31s kill n3", "31s new pod n3", "31s start n3"}},
		{name: "healing makes the pod anew at once", text: "1s replace n1 for 50s", until: 10 * clock.Second, heal: true,
			want: []string{"10s new pod n1", "10s start n1", "1s stop n1"}},
		{name: "a zone is lost", text: "1s lose zone a for 5s", until: 20 * clock.Second,
			want: []string{"1s new pod n1", "1s new pod n3", "1s power n1", "1s power n3", "6s start n1", "6s start n3"}},
		{name: "a rolling update takes one after the other, whoever can be spared first", text: "1s roll n1, n2 for 2s", until: 60 * clock.Second,
			spare: func() func(string) bool {
				asked := 0
				return func(n string) bool { asked++; return n == "n2" || asked > 4 }
			}(),
			want: []string{"1s stop n2", "3s new pod n2", "3s start n2", "3.75s stop n1", "5.75s new pod n1", "5.75s start n1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := podFaults(t, c.text, c.spare, c.until, c.heal)
			slices.Sort(c.want)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("what the world felt (-want +got):\n%s", d)
			}
		})
	}
}

func TestPodFaultsPrintAndParseBack(t *testing.T) {
	for _, line := range []string{"1s lose zone a for 5s", "1s roll n1, n2, zone b for 2s", "1s replace leader of t-0, zone a for 2s", "1s cut zone a | rest for 1s"} {
		s, err := Parse(line)
		if err != nil || strings.Join(strings.Fields(s.String()), " ") != line {
			t.Errorf("%q parses as %q: %v", line, s, err)
		}
	}
	for line, want := range map[string]string{
		"1s lose zone for 5s": "which zone?", "1s lose zone a of b for 5s": "has no meaning there", "1s lose n1": "must say how long", "1s roll": "a target is missing",
	} {
		// unordered: each line is a case of its own
		if _, err := Parse(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}
