package tidy

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// The limits on size. A number alone scatters the story, so a function may be
// longer with one sentence of excuse in its doc comment: "Long because ...".
const (
	MaxFileLines = 600
	MaxFuncLines = 70
)

// Docs reports packages without a package doc, or with one that does not say
// what is not there, and exported identifiers without a doc comment.
func (t *Tree) Docs() []string {
	docs := map[string]string{}
	var pkgs []string
	var bad []string
	for _, f := range t.Files {
		if f.Test {
			continue
		}
		if _, seen := docs[f.Pkg]; !seen {
			pkgs = append(pkgs, f.Pkg)
			docs[f.Pkg] = ""
		}
		if f.AST.Doc != nil {
			docs[f.Pkg] += f.AST.Doc.Text()
		}
		bad = append(bad, t.undocumented(f)...)
	}
	slices.Sort(pkgs)
	for _, p := range pkgs {
		switch d := docs[p]; {
		case d == "":
			bad = append(bad, p+": no package doc: say what it holds, its invariants, and what is not here")
		case !strings.Contains(d, "Not here:") && !strings.HasPrefix(p, "cmd/") && !strings.HasPrefix(p, "examples/"):
			bad = append(bad, p+`: the package doc lacks its "Not here:" line`)
		}
	}
	return bad
}

// self-explaining methods: the interface they satisfy says what they do.
var selfExplaining = []string{"String", "Error", "Unwrap", "FactName", "Len", "Less", "Swap", "Boot", "Accept", "Stop", "Opened", "Frame", "Closed"}

func (t *Tree) undocumented(f *File) []string {
	if f.AST.Name.Name == "main" {
		return nil
	}
	var bad []string
	need := func(n ast.Node, name string, doc *ast.CommentGroup) {
		if ast.IsExported(name) && doc.Text() == "" {
			bad = append(bad, t.Pos(n)+": exported "+name+" has no doc comment")
		}
	}
	for _, d := range f.AST.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil && (!exportedReceiver(d) || slices.Contains(selfExplaining, d.Name.Name)) {
				continue
			}
			need(d, d.Name.Name, d.Doc)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if ts, ok := s.(*ast.TypeSpec); ok {
					doc := ts.Doc
					if doc == nil {
						doc = d.Doc
					}
					need(ts, ts.Name.Name, doc)
				}
			}
		}
	}
	return bad
}

func exportedReceiver(d *ast.FuncDecl) bool {
	e := d.Recv.List[0].Type
	if s, ok := e.(*ast.StarExpr); ok {
		e = s.X
	}
	if ix, ok := e.(*ast.IndexExpr); ok {
		e = ix.X
	}
	id, ok := e.(*ast.Ident)
	return ok && id.IsExported()
}

// Sizes reports files over MaxFileLines and functions over MaxFuncLines without
// an excuse. Nobody reads generated files.
func (t *Tree) Sizes() []string {
	var bad []string
	for _, f := range t.Files {
		if ast.IsGenerated(f.AST) {
			continue
		}
		if f.Size > MaxFileLines {
			bad = append(bad, fmt.Sprintf("%s: %d lines; one concept a file, at most %d", f.Path, f.Size, MaxFileLines))
		}
		if f.Test {
			continue
		}
		for _, d := range f.AST.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			lines := t.Fset.Position(fn.Body.End()).Line - t.Fset.Position(fn.Body.Pos()).Line
			if lines > MaxFuncLines && !strings.Contains(fn.Doc.Text(), "Long because") && !flatSwitch(fn) {
				bad = append(bad, fmt.Sprintf("%s: %s has %d lines; split it, or say why not: // Long because ...", t.Pos(fn), fn.Name.Name, lines))
			}
		}
	}
	return bad
}

// flatSwitch reports whether a function is one switch and little else.
func flatSwitch(fn *ast.FuncDecl) bool {
	if len(fn.Body.List) > 3 {
		return false
	}
	return slices.ContainsFunc(fn.Body.List, func(s ast.Stmt) bool {
		switch s.(type) {
		case *ast.SwitchStmt, *ast.TypeSwitchStmt:
			return true
		}
		return false
	})
}
