package tidy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func load(t *testing.T, root string) *Tree {
	t.Helper()
	tree, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Files) == 0 {
		t.Fatalf("no Go file below %s", root)
	}
	return tree
}

const root0 = "../.."

// The tree is read once for all rules.
var house = sync.OnceValues(func() (*Tree, error) { return Load(root0) })

func ours(t *testing.T) *Tree {
	t.Helper()
	tree, err := house()
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Files) == 0 {
		t.Fatal("no Go file found")
	}
	return tree
}

func report(t *testing.T, bad []string) {
	t.Helper()
	for _, b := range bad {
		t.Error(b)
	}
}

func TestImportsKeepTheirDirections(t *testing.T)    { report(t, ours(t).Imports()) }
func TestNothingUnorderedBelowTheSeed(t *testing.T)  { report(t, ours(t).Banned()) }
func TestPackagesSayWhatTheyAre(t *testing.T)        { report(t, ours(t).Docs()) }
func TestFilesAndFunctionsStayReadable(t *testing.T) { report(t, ours(t).Sizes()) }

func TestDocumentsNameOnlyWhatIsThere(t *testing.T) {
	bad, err := ours(t).Documents()
	if err != nil {
		t.Fatal(err)
	}
	report(t, bad)
}

func TestMapOrderReachesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("type-checks the whole module")
	}
	bad, err := MapRanges(root0)
	if err != nil {
		t.Fatal(err)
	}
	report(t, bad)
}

// What another module plugs in to must be what it can import.
func TestNoInternalTypeIsShownOutside(t *testing.T) {
	if testing.Short() {
		t.Skip("type-checks the whole module")
	}
	bad, err := Exposed(root0)
	if err != nil {
		t.Fatal(err)
	}
	report(t, bad)
}

func TestShownInternalTypesAreNoticed(t *testing.T) {
	dir := t.TempDir()
	for path, text := range map[string]string{
		"go.mod":               "module trial\n\ngo 1.26\n",
		"internal/secret/s.go": "package secret\n\ntype Key struct{}\n\ntype Name = string\n",
		"shop/shop.go": `package shop

import "trial/internal/secret"

type Door struct {
	Locks []secret.Key
	spare secret.Key
	Plain int
}

func (d *Door) Open(with map[string]*secret.Key) error { _ = d.spare; return nil }

func (d *Door) close(with secret.Key) {}

type Seller interface{ Sell(n int) (secret.Key, error) }

type All[T any] struct{ Of T }

func Box() All[secret.Key] { return All[secret.Key]{} }

func Count() int { return len([]secret.Key{}) }
`,
	} {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bad, err := Exposed(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(bad, "\n")
	want := []string{"shop.Door.Locks", "shop.Door.Open", "shop.Seller.Sell", "shop.Box"}
	for _, w := range want {
		if !strings.Contains(all, "shop/shop.go:") || !strings.Contains(all, ": "+w+" shows the internal type trial/internal/secret.Key") {
			t.Errorf("nobody said %q", w)
		}
	}
	if len(bad) != len(want) {
		t.Errorf("%d reports, want %d:\n%s", len(bad), len(want), all)
	}
}

// Everything but the real edge must build where there is no operating system: the
// simulator is to run in a browser.
func TestAllButTheRealEdgeBuildsForWasm(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the module twice")
	}
	tree := ours(t)
	var pkgs []string
	seen := map[string]bool{}
	for _, f := range tree.Files {
		if f.Test || seen[f.Pkg] || under(f.Pkg, realEdge...) {
			continue
		}
		seen[f.Pkg] = true
		pkgs = append(pkgs, "./"+f.Pkg)
	}
	for _, target := range [][2]string{{"js", "wasm"}, {"wasip1", "wasm"}} {
		t.Run(target[0], func(t *testing.T) {
			cmd := exec.Command("go", append([]string{"build"}, pkgs...)...)
			cmd.Dir = root0
			cmd.Env = append(os.Environ(), "GOOS="+target[0], "GOARCH="+target[1], "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// realEdge is what needs sockets, files and processes.
var realEdge = []string{"host", "host/...", "clock/real", "net/tcpnet", "disk/osdisk", "cmd/...", "internal/tidy", "examples/..."}

// A rule is trusted only after it has spoken.
func TestRulesNoticeViolations(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module trial\n\ngo 1.26\n")
	write("faults/bad.go", `package faults

import (
	"time"

	_ "trial/engine/kafka"
)

var count int

func Now() int64 {
	count++
	go func() {}()
	c := make(chan int)
	c <- 1
	_ = 1.5
	_ = "%p"
	m := map[int]int{}
	for k := range m {
		return int64(k)
	}
	return time.Now().Unix()
}
`+"\nfunc long() {\n"+strings.Repeat("\tNow()\n", MaxFuncLines+2)+"}\n"+strings.Repeat("\n", MaxFileLines))
	write("engine/kafka/kafka.go", "// Package kafka is a dummy.\n//\n// Not here: all.\npackage kafka\n")
	write("stray/stray.go", "package stray\n")
	write("sim/sim.go", "package sim\n\nimport (\n\t\"runtime\"\n\t_ \"testing\"\n)\n\nvar N = runtime.NumCPU()\n")
	write("README.md", "[a](docs/gone.md) and `faults/gone.go` and `faults.Gone` and `faults.Now`, [docs](docs)\n\n    go run ./cmd/gone\n")
	write("docs/ARCHITECTURE.md", "`faults`, `engine/kafka`, `sim`\n")
	tree := load(t, dir)
	maps, err := MapRanges(dir)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := tree.Documents()
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != 5 {
		t.Errorf("%d reports about documents, want 5", len(docs))
	}
	for name, c := range map[string]struct {
		got  []string
		want []string
	}{
		"imports":   {tree.Imports(), []string{"must not import trial/engine/kafka", "no import rule covers package stray"}},
		"banned":    {tree.Banned(), []string{"import of time", "go statement", "channel:", "channel send", "float literal", "%p", "package variable count changes", "import of runtime", "import of testing"}},
		"docs":      {tree.Docs(), []string{"faults: no package doc", "exported Now has no doc comment"}},
		"sizes":     {tree.Sizes(), []string{"one concept a file", "long has"}},
		"documents": {docs, []string{"link to docs/gone.md", "`faults/gone.go`", "`faults.Gone`", "./cmd/gone", "package `stray` is not listed"}},
		"maps":      {maps, []string{"range over a map"}},
	} {
		all := strings.Join(c.got, "\n")
		for _, w := range c.want {
			if !strings.Contains(all, w) {
				t.Errorf("%s: nobody said %q; said was:\n%s", name, w, all)
			}
		}
	}
}
