package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// epoch is a time at which no test writes.
var epoch = time.Unix(1_000_000, 0)

// adder is a world that adds up numbers.
type adder struct {
	sum   int
	lines []string
	ended int
	sour  error
}

func (w *adder) Do(c Cmd) error {
	switch c.Name {
	case "add":
		for _, a := range c.Args {
			w.sum += len(a)
			w.lines = append(w.lines, fmt.Sprintf("%d more", len(a)))
		}
	case "say":
		w.lines = append(w.lines, strings.Join(c.Args, " "))
	default:
		return ErrUnknown
	}
	return nil
}

func (w *adder) Happened() []string {
	out := append(w.lines, fmt.Sprintf("sum %d", w.sum))
	w.lines = nil
	return out
}

func (w *adder) End() error { w.ended++; return w.sour }

const story = `# Numbers are written in sticks.
# They add up.

add I II
----
1 more
2 more
sum 3

# Two commands may share an answer.
add III
add I
----
3 more
1 more
sum 7

# The end.
`

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sticks"+Ext)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAStoryThatHoldsPassesAndIsNotWritten(t *testing.T) {
	path := file(t, story)
	for _, update := range []bool{false, true} {
		if err := os.Chtimes(path, epoch, epoch); err != nil {
			t.Fatal(err)
		}
		w := &adder{}
		bad, err := one(path, update, w)
		if len(bad) > 0 || err != nil || w.ended != 1 {
			t.Fatalf("%q, %v, ended %d times", bad, err, w.ended)
		}
		if info, _ := os.Stat(path); !info.ModTime().Equal(epoch) {
			t.Error("the file was written")
		}
	}
}

func TestAnotherAnswerIsShownLineByLine(t *testing.T) {
	path := file(t, strings.Replace(story, "3 more\n1 more\nsum 7", "2 more\n1 more\nsum 7\nand more", 1))
	bad, err := one(path, false, &adder{})
	want := ":13: another answer to: add III; add I\n" +
		"    - 2 more\n    + 3 more\n      1 more\n      sum 7\n    - and more\n"
	if err != nil || len(bad) != 1 || !strings.HasSuffix(bad[0], want) {
		t.Errorf("got %q, %v; want an end like %q", bad, err, want)
	}
}

func TestRewritingKeepsStoryRemarksAndCommands(t *testing.T) {
	path := file(t, strings.NewReplacer("2 more\n", "", "sum 7", "sum 8\nsum 9").Replace(story))
	if bad, err := one(path, true, &adder{}); len(bad) > 0 || err != nil {
		t.Fatal(bad, err)
	}
	if text, _ := os.ReadFile(path); string(text) != story {
		t.Errorf("rewritten:\n%s\nwant:\n%s", text, story)
	}
}

func TestComplaintsNameFileAndLine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"add I\n----\n", ":1: a file begins with its story"},
		{"# s\n----\n", ":2: ---- without a command above it"},
		{"# s\n\n", ":1: a story without a command"},
		{"# s\nadd I\n\n# more\n", ":2: no ---- below the command \"add I\""},
		{"# s\nadd I\n----\nsum 1\n\nsubtract I\n----\n", ":6: subtract I: unknown command"},
		{"# s\n\nsay\n----\n", ":3: the answer has the line \"\""},
	} {
		w := &adder{}
		_, err := one(file(t, c.text), false, w)
		if err == nil || !strings.Contains(err.Error(), Ext+c.want) {
			t.Errorf("%q: got %v, want %s", c.text, err, c.want)
		}
	}
}

func TestTheEndOfAWorldIsHeard(t *testing.T) {
	_, err := one(file(t, story), true, &adder{sour: fmt.Errorf("a judge speaks")})
	if err == nil || !strings.Contains(err.Error(), "sticks"+Ext+": at the end: a judge speaks") {
		t.Errorf("got %v", err)
	}
}

func TestWalkRunsEveryFileInOrder(t *testing.T) {
	var names []string
	Check(t, "testdata", func(t *testing.T) World {
		names = append(names, t.Name())
		return &adder{}
	})
	if got := strings.Join(names, " "); got != t.Name()+"/first "+t.Name()+"/second" {
		t.Errorf("ran %s", got)
	}
}

func TestDiffOfEqualsIsEmpty(t *testing.T) {
	for _, lines := range [][]string{nil, {"a"}, {"a", "b", "a"}} {
		if d := diff(lines, lines); d != "" {
			t.Errorf("%q against itself: %s", lines, d)
		}
	}
	if d := diff(nil, []string{"a"}); d != "    + a\n" {
		t.Errorf("%q", d)
	}
}
