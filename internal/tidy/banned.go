package tidy

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// Deterministic are the packages whose code runs under a seed: a goroutine, a
// clock or an unordered map there and a seed replays nothing.
var Deterministic = []string{
	"clock", "clock/virtual", "engine", "engine/echo", "engine/kafka/...", "client/...", "net/simnet", "disk/simdisk", "faults",
	"checks", "checks/...", "sim", "sim/climate", "sim/cluster", "sim/trialrun", "internal/record", "internal/record/codec", "internal/wire", "internal/must", "internal/mutant",
}

// bannedImports have no place under a seed.
var bannedImports = map[string]string{
	"time":           "time comes in as clock.Instant",
	"sync":           "there is one goroutine",
	"sync/atomic":    "there is one goroutine",
	"os":             "files belong to disk/osdisk",
	"net":            "sockets belong to net/tcpnet",
	"math/rand":      "randomness comes from named streams",
	"math/rand/v2":   "randomness comes from named streams",
	"crypto/rand":    "randomness comes from named streams",
	"hash/maphash":   "its seed differs in every process",
	"runtime":        "the run must not depend on the machine",
	"runtime/debug":  "the run must not depend on the machine",
	"unsafe":         "addresses differ between runs",
	"reflect":        "map and address order shine through",
	"context":        "cancellation is an event",
	"log":            "operators' lines go through Host.Logf",
	"log/slog":       "operators' lines go through Host.Logf",
	"math/big":       "nothing here needs it, and it would hide floats",
	"container/heap": "boxed and slow: clock/virtual has the queue",
}

// allowedImport lets one package use one name of a banned import.
type allowedImport struct{ pkg, path, name, why string }

var allowedImports = []allowedImport{
	{"sim", "runtime", "Stack", "where a program panicked is shown with the verdict; it reaches no hash and no decision"},
}

// suites are the packages outside tests that may import testing: they are tests
// that others run.
var suites = []string{"engine/enginetest", "disk/disktest", "sim/simtest", "internal/golden", "sim/bubble"}

// Banned reports constructs that would break determinism.
func (t *Tree) Banned() []string {
	var bad []string
	for _, f := range t.Files {
		if f.Test {
			continue
		}
		if !under(f.Pkg, suites...) {
			bad = append(bad, t.importsTesting(f)...)
		}
		if !under(f.Pkg, Deterministic...) {
			continue
		}
		for _, im := range f.AST.Imports {
			p, _ := strconv.Unquote(im.Path.Value)
			if why, no := bannedImports[p]; no && !usesOnlyAllowed(f, p) {
				bad = append(bad, t.Pos(im)+": import of "+p+": "+why)
			}
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if why := bannedNode(n); why != "" {
				bad = append(bad, t.Pos(n)+": "+why)
			}
			return true
		})
		bad = append(bad, t.packageVariables(f)...)
	}
	return bad
}

// usesOnlyAllowed reports whether all that a file takes from a banned import is
// what allowedImports lets its package take.
func usesOnlyAllowed(f *File, path string) bool {
	var names []string
	for _, a := range allowedImports {
		if a.pkg == f.Pkg && a.path == path {
			names = append(names, a.name)
		}
	}
	ok := len(names) > 0
	ast.Inspect(f.AST, func(n ast.Node) bool {
		if s, is := n.(*ast.SelectorExpr); is {
			if x, is := s.X.(*ast.Ident); is && x.Name == path && x.Obj == nil {
				ok = ok && slices.Contains(names, s.Sel.Name)
			}
		}
		return true
	})
	return ok
}

func bannedNode(n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "go statement: there is one goroutine"
	case *ast.ChanType:
		return "channel: there is one goroutine"
	case *ast.SelectStmt:
		return "select: its choice is random"
	case *ast.SendStmt:
		return "channel send: there is one goroutine"
	case *ast.Ident:
		if n.Name == "float64" || n.Name == "float32" {
			return n.Name + ": fused multiply-add differs between machines; use integer ratios"
		}
	case *ast.BasicLit:
		if n.Kind == token.FLOAT {
			return "float literal " + n.Value + ": use integer ratios"
		}
		if n.Kind == token.STRING && strings.Contains(n.Value, "%p") {
			return "%p prints an address, which differs between runs"
		}
	case *ast.SelectorExpr:
		if x, ok := n.X.(*ast.Ident); ok {
			switch x.Name + "." + n.Sel.Name {
			case "sort.Slice", "sort.Sort", "slices.SortFunc":
				return x.Name + "." + n.Sel.Name + " is unstable: use slices.SortStableFunc, or slices.Sort on a total order"
			}
		}
	}
	return ""
}

// importsTesting reports testing packages in what is no test.
func (t *Tree) importsTesting(f *File) []string {
	var bad []string
	for _, im := range f.AST.Imports {
		if p, _ := strconv.Unquote(im.Path.Value); p == "testing" || strings.HasPrefix(p, "testing/") {
			bad = append(bad, t.Pos(im)+": import of "+p+": it adds flags to every binary; only "+strings.Join(suites, ", ")+" are suites")
		}
	}
	return bad
}

// packageVariables reports package-level variables that are not plainly constant
// tables: those that some function assigns to.
func (t *Tree) packageVariables(f *File) []string {
	vars := map[string]bool{}
	for _, d := range f.AST.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, s := range g.Specs {
				for _, name := range s.(*ast.ValueSpec).Names {
					vars[name.Name] = true
				}
			}
		}
	}
	var bad []string
	for _, d := range f.AST.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil || fn.Name.Name == "init" {
			continue
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, lhs := range n.Lhs {
					if id := root(lhs); id != nil && vars[id.Name] && n.Tok != token.DEFINE && id.Obj != nil && id.Obj.Kind == ast.Var && isPackageLevel(f, id) {
						bad = append(bad, t.Pos(n)+": package variable "+id.Name+" changes: state belongs to an instance")
					}
				}
			case *ast.IncDecStmt:
				if id := root(n.X); id != nil && vars[id.Name] && isPackageLevel(f, id) {
					bad = append(bad, t.Pos(n)+": package variable "+id.Name+" changes: state belongs to an instance")
				}
			}
			return true
		})
	}
	return bad
}

func root(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.Ident:
		return e
	case *ast.IndexExpr:
		return root(e.X)
	case *ast.SelectorExpr:
		return root(e.X)
	}
	return nil
}

func isPackageLevel(f *File, id *ast.Ident) bool {
	if id.Obj == nil {
		return false
	}
	spec, ok := id.Obj.Decl.(*ast.ValueSpec)
	if !ok {
		return false
	}
	for _, d := range f.AST.Decls {
		if g, ok := d.(*ast.GenDecl); ok {
			for _, s := range g.Specs {
				if s == spec {
					return true
				}
			}
		}
	}
	return false
}
