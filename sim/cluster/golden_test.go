package cluster

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trial/clock"
	"trial/internal/golden"
)

const stories = "testdata/golden"

// home is the climate in which the stories are written down.
var home = storyClimate{
	seed: 1,
	net:  Net{Latency: 500 * clock.Microsecond, Jitter: 200 * clock.Microsecond, BytesPerMs: 100_000, TCPTimeout: 10 * clock.Second},
	disk: Disk{Latency: 20 * clock.Microsecond, Jitter: 20 * clock.Microsecond, Sync: 2 * clock.Millisecond, BytesPerMs: 500_000},
}

// Each file below testdata/golden is a rule of replication or election, as a story.
// UPDATE_GOLDEN=1 rewrites them. Commit the difference only if you can explain
// every line of it.
func TestStories(t *testing.T) {
	golden.Walk(t, stories, func(*testing.T) golden.World { return &play{climate: home} })
}

// A story tells what is promised, so seed and latencies must not show in it.
func TestStoriesReadTheSameInOtherClimates(t *testing.T) {
	for _, c := range otherClimates() {
		t.Run(SeedString(c.seed), func(t *testing.T) {
			golden.Check(t, stories, func(*testing.T) golden.World { return &play{climate: c} })
		})
	}
}

// The page beside the stories names every story and every command.
func TestThePageOfStoriesIsComplete(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(stories, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(stories, "*"+golden.Ext))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	for _, f := range files {
		if name := filepath.Base(f); !strings.Contains(string(page), "]("+name+")") {
			t.Errorf("%s is not listed", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		if !strings.Contains(string(page), "`"+name+" ") && !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("the command %s is not explained", name)
		}
	}
}

// What a story gets wrong is said with what would be right.
func TestWrongCommandsAreToldFromRightOnes(t *testing.T) {
	p := &play{climate: home}
	do := func(line string) error {
		words := strings.Fields(line)
		return p.Do(golden.Cmd{Text: line, Name: words[0], Args: words[1:]})
	}
	for _, c := range []struct{ line, want string }{
		{"produce p1 t-0 a", "the first command of a story is: cluster brokers=N"},
		{"cluster three", `"three" is not of the form key=value`},
		{"cluster brokers=1 acks=all", "acks"},
		{"cluster brokers=1", ""},
		{"cluster brokers=1", "a story has one cluster"},
		{"dance", "unknown command"},
		{"topic t n1", ""},
		{"kill n7", "there is no broker n7"},
		{"cut n1 n2", "cut n1 | n2 n3"},
		{"cut n1 | p1", "producer p1 acks=all"},
		{"produce p1 t-0 acks=two a", "acks=two is none of 0, 1, all"},
		{"produce p1 t-0 acks=all a", ""},
		{"produce p1 t-0 acks=1 b", "p1 has its configs already"},
		{"latest t-5", "there is no partition t-5"},
		{"await rain n1", "rain"},
		{"await leader t-0 n1", ""},
		{"run far", "far"},
	} {
		if err := do(c.line); err == nil && c.want != "" || err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.line, err, c.want)
		}
	}
	if err := p.End(); err != nil {
		t.Error(err)
	}
}

func otherClimates() []storyClimate {
	ms := clock.Millisecond
	fast, slow, uneven, far := home, home, home, home
	fast.seed, fast.net.Latency, fast.net.Jitter = 2, 50*clock.Microsecond, 0
	slow.seed, slow.net.Latency, slow.net.Jitter, slow.disk.Sync = 3, 3*ms, 2*ms, 20*ms
	uneven.seed, uneven.net.TailOneIn, uneven.net.Tail, uneven.disk.Jitter = 4, 50, 40*ms, 5*ms
	far.seed, far.net.Latency, far.net.Jitter = 5, 10*ms, 10*ms
	return []storyClimate{fast, slow, uneven, far}
}
