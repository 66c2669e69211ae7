// Package tidy holds the house rules that a machine can check: who may import
// whom, what code below the simulator must not do, what every package must say
// of itself, how long files may grow, what the documents may name.
//
// # Invariants
//
//   - every rule carries its reason, and a violation names file, line and reason
//   - rules look at this module's own non-test Go files; tests may do as they need
//
// Not here: formatting (gofmt), suspicious code (go vet, staticcheck).
package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Module is this module's path.
const Module = "trial"

// File is one parsed Go file of the module.
type File struct {
	Pkg  string // directory relative to the module root, with slashes
	Path string
	Test bool
	AST  *ast.File
	Size int // lines
}

// Tree is the module's Go files.
type Tree struct {
	Root  string
	Fset  *token.FileSet
	Files []*File
}

// Load parses every Go file below root, tests included, vendored and hidden
// directories and nested modules excluded.
func Load(root string) (*Tree, error) {
	t := &Tree{Root: root, Fset: token.NewFileSet()}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			name := d.Name()
			if rel != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "vendor" || nestedModule(p)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		f, err := parser.ParseFile(t.Fset, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		t.Files = append(t.Files, &File{
			Pkg: path.Dir(rel), Path: rel, AST: f, Test: strings.HasSuffix(rel, "_test.go"),
			Size: t.Fset.File(f.Pos()).LineCount(),
		})
		return nil
	})
	return t, err
}

func nestedModule(dir string) bool {
	m, err := filepath.Glob(filepath.Join(dir, "go.mod"))
	return err == nil && len(m) > 0
}

// Pos prints where a node is.
func (t *Tree) Pos(n ast.Node) string {
	p := t.Fset.Position(n.Pos())
	rel, err := filepath.Rel(t.Root, p.Filename)
	if err != nil {
		rel = p.Filename
	}
	return filepath.ToSlash(rel) + ":" + itoa(p.Line)
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// under reports whether package pkg is one of the patterns: "a/b" itself, "a/b/..."
// it and everything below.
func under(pkg string, patterns ...string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		base, deep := strings.CutSuffix(p, "/...")
		return pkg == base || deep && strings.HasPrefix(pkg, base+"/")
	})
}
