package tidy

import (
	"go/ast"
	"go/types"
	"strings"

	"golang.org/x/tools/go/packages"
)

// Excuse is what a comment on, or right above, a range over a map must begin
// with; a reason follows. Without it the order of the map could reach state,
// output or a draw.
const Excuse = "unordered:"

// MapRanges reports ranges over maps (and maps.Keys and its kin outside
// slices.Sorted) in deterministic packages that carry no excuse.
func MapRanges(root string) ([]string, error) {
	cfg := &packages.Config{
		Dir: root,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes |
			packages.NeedTypesInfo | packages.NeedImports,
	}
	pkgs, err := packages.Load(cfg, "./...")
	if err != nil {
		return nil, err
	}
	var bad []string
	for _, p := range pkgs {
		for _, e := range p.Errors {
			bad = append(bad, e.Error())
		}
		if !under(strings.TrimPrefix(p.PkgPath, Module+"/"), Deterministic...) {
			continue
		}
		for _, f := range p.Syntax {
			bad = append(bad, mapRanges(p, f)...)
		}
	}
	return bad, nil
}

func mapRanges(p *packages.Package, f *ast.File) []string {
	excused := map[int]bool{}
	for _, g := range f.Comments {
		for _, c := range g.List {
			if reason, ok := strings.CutPrefix(strings.TrimSpace(strings.TrimPrefix(c.Text, "//")), Excuse); ok && len(strings.TrimSpace(reason)) > 8 {
				line := p.Fset.Position(g.End()).Line
				excused[line], excused[line+1] = true, true
			}
		}
	}
	sorted := map[ast.Node]bool{}
	var bad []string
	ast.Inspect(f, func(n ast.Node) bool {
		pos := func() string { return p.Fset.Position(n.Pos()).String() }
		line := func() int { return p.Fset.Position(n.Pos()).Line }
		switch n := n.(type) {
		case *ast.RangeStmt:
			t := p.TypesInfo.TypeOf(n.X)
			if t == nil || excused[line()] {
				break
			}
			if _, isMap := t.Underlying().(*types.Map); isMap {
				bad = append(bad, pos()+": range over a map: sort its keys, or say why order cannot matter: // "+Excuse+" reason")
			}
		case *ast.CallExpr:
			switch callee(n) {
			case "slices.Sorted", "slices.SortedFunc":
				for _, a := range n.Args {
					sorted[a] = true
				}
			case "maps.Keys", "maps.Values", "maps.All":
				if !sorted[n] && !excused[line()] {
					bad = append(bad, pos()+": "+callee(n)+" outside slices.Sorted: its order is random")
				}
			}
		}
		return true
	})
	return bad
}

func callee(c *ast.CallExpr) string {
	if s, ok := c.Fun.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok {
			return x.Name + "." + s.Sel.Name
		}
	}
	return ""
}
