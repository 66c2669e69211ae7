package tidy

import (
	"go/ast"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// mapOfPackages is the document that lists every package.
const mapOfPackages = "docs/ARCHITECTURE.md"

var (
	mdLink   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codeSpan = regexp.MustCompile("`([^`]+)`")
	dotPath  = regexp.MustCompile(`(?:^|\s)(\./[\w./-]+)`)
	pathLike = regexp.MustCompile(`^[\w.-]+(/[\w.-]+)*/?$`)
	nameLike = regexp.MustCompile(`^([a-z]\w*)\.([A-Z]\w*)$`)
)

// Documents reports what README.md and the documents below docs name and the tree
// does not have: files, directories, packages, exported names (`sim.World`); and
// packages that the map of packages does not list. Directories named internal
// below a package are that package's own affair.
func (t *Tree) Documents() ([]string, error) {
	docs := []string{"README.md"}
	err := filepath.WalkDir(filepath.Join(t.Root, "docs"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, ".md") {
			rel, _ := filepath.Rel(t.Root, p)
			docs = append(docs, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var bad []string
	exported := t.exported()
	for _, doc := range docs {
		text, err := os.ReadFile(filepath.Join(t.Root, doc))
		if err != nil {
			return nil, err
		}
		for i, line := range strings.Split(string(text), "\n") {
			for _, why := range t.unknown(doc, line, exported) {
				bad = append(bad, doc+":"+itoa(i+1)+": "+why)
			}
		}
		if doc == mapOfPackages {
			bad = append(bad, t.unlisted(string(text))...)
		}
	}
	return bad, nil
}

// unknown lists what a line of a document names and is not there.
func (t *Tree) unknown(doc, line string, exported map[string][]string) []string {
	var bad []string
	for _, m := range mdLink.FindAllStringSubmatch(line, -1) {
		if to, _, _ := strings.Cut(m[1], "#"); to != "" && !strings.Contains(to, "://") && !t.has(path.Join(path.Dir(doc), to)) {
			bad = append(bad, "link to "+m[1]+": no such file")
		}
	}
	for _, m := range dotPath.FindAllStringSubmatch(line, -1) {
		if p := strings.TrimSuffix(m[1], "..."); !t.has(p) {
			bad = append(bad, m[1]+": no such path")
		}
	}
	for _, m := range codeSpan.FindAllStringSubmatch(line, -1) {
		span := m[1]
		if top, _, deep := strings.Cut(span, "/"); deep && pathLike.MatchString(span) && t.has(top) && !t.has(span) {
			bad = append(bad, "`"+span+"`: no such path")
		}
		if n := nameLike.FindStringSubmatch(span); n != nil {
			if names, ours := exported[n[1]]; ours && !slices.Contains(names, n[2]) {
				bad = append(bad, "`"+span+"`: package "+n[1]+" exports no such name")
			}
		}
	}
	return bad
}

func (t *Tree) has(rel string) bool {
	_, err := os.Stat(filepath.Join(t.Root, rel))
	return err == nil
}

// unlisted reports the packages that the map of packages does not name in
// backticks.
func (t *Tree) unlisted(text string) []string {
	var bad, seen []string
	for _, f := range t.Files {
		if f.Test || slices.Contains(seen, f.Pkg) || strings.Contains(f.Pkg, "/internal/") {
			continue
		}
		seen = append(seen, f.Pkg)
		if !strings.Contains(text, "`"+f.Pkg+"`") {
			bad = append(bad, mapOfPackages+": package `"+f.Pkg+"` is not listed")
		}
	}
	return bad
}

// exported maps the names of this module's packages to what they export.
func (t *Tree) exported() map[string][]string {
	names := map[string][]string{}
	for _, f := range t.Files {
		pkg := f.AST.Name.Name
		if f.Test || pkg == "main" {
			continue
		}
		for _, d := range f.AST.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					names[pkg] = append(names[pkg], d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						names[pkg] = append(names[pkg], s.Name.Name)
					case *ast.ValueSpec:
						for _, id := range s.Names {
							names[pkg] = append(names[pkg], id.Name)
						}
					}
				}
			}
		}
	}
	return names
}
