package tidy

import (
	"go/token"
	"go/types"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"
)

// insides are the parts of the Kafka engine. They show each other what they like:
// who plugs in meets the contract, a face of the engine or a fact, never them.
var insides = []string{"engine/kafka/control/...", "engine/kafka/plog", "engine/kafka/replica"}

// Exposed reports exported functions, methods, fields and types of public
// packages whose signatures name a type of an internal package: another module
// could call them and not write down what it gets or gives.
func Exposed(root string) ([]string, error) {
	cfg := &packages.Config{Dir: root, Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedImports}
	pkgs, err := packages.Load(cfg, "./...")
	if err != nil {
		return nil, err
	}
	var bad []string
	for _, p := range pkgs {
		for _, e := range p.Errors {
			bad = append(bad, e.Error())
		}
		if isInternal(p.PkgPath) || p.Types == nil || p.Name == "main" || under(strings.TrimPrefix(p.PkgPath, Module+"/"), insides...) {
			continue
		}
		x := exposure{fset: p.Fset, root: root}
		scope := p.Types.Scope()
		for _, name := range scope.Names() { // sorted
			if token.IsExported(name) {
				x.object(scope.Lookup(name), p.PkgPath+"."+name)
			}
		}
		bad = append(bad, x.bad...)
	}
	return bad, nil
}

func isInternal(path string) bool {
	return strings.HasPrefix(path, Module+"/") && strings.Contains("/"+path+"/", "/internal/")
}

// exposure looks at what one package exports.
type exposure struct {
	fset *token.FileSet
	root string
	bad  []string
}

func (x *exposure) object(o types.Object, name string) {
	t, isType := o.(*types.TypeName)
	if !isType || t.IsAlias() {
		x.look(o, name, o.Type())
		return
	}
	named, ok := t.Type().(*types.Named)
	if !ok {
		return
	}
	for i := range named.NumMethods() {
		if m := named.Method(i); m.Exported() {
			x.look(m, name+"."+m.Name(), m.Type())
		}
	}
	x.look(o, name, named.Underlying())
}

// look walks a type as far as somebody outside can see it.
func (x *exposure) look(o types.Object, name string, t types.Type) {
	switch t := t.(type) {
	case *types.Alias:
		x.name(o, name, t.Obj())
	case *types.Named:
		x.name(o, name, t.Obj())
		for i := range t.TypeArgs().Len() {
			x.look(o, name, t.TypeArgs().At(i))
		}
	case *types.Pointer:
		x.look(o, name, t.Elem())
	case *types.Slice:
		x.look(o, name, t.Elem())
	case *types.Array:
		x.look(o, name, t.Elem())
	case *types.Chan:
		x.look(o, name, t.Elem())
	case *types.Map:
		x.look(o, name, t.Key())
		x.look(o, name, t.Elem())
	case *types.Tuple:
		for i := range t.Len() {
			x.look(o, name, t.At(i).Type())
		}
	case *types.Signature:
		x.look(o, name, t.Params())
		x.look(o, name, t.Results())
	case *types.Struct:
		for i := range t.NumFields() {
			if f := t.Field(i); f.Exported() {
				x.look(f, name+"."+f.Name(), f.Type())
			}
		}
	case *types.Interface:
		for i := range t.NumExplicitMethods() {
			m := t.ExplicitMethod(i)
			x.look(m, name+"."+m.Name(), m.Type())
		}
		for i := range t.NumEmbeddeds() {
			x.look(o, name, t.EmbeddedType(i))
		}
	}
}

func (x *exposure) name(o types.Object, name string, t *types.TypeName) {
	if t.Pkg() == nil || !isInternal(t.Pkg().Path()) {
		return
	}
	p := x.fset.Position(o.Pos())
	if root, err := filepath.Abs(x.root); err == nil {
		if rel, err := filepath.Rel(root, p.Filename); err == nil {
			p.Filename = filepath.ToSlash(rel)
		}
	}
	x.bad = append(x.bad, p.Filename+":"+itoa(p.Line)+": "+strings.TrimPrefix(name, Module+"/")+" shows the internal type "+t.Pkg().Path()+"."+t.Name()+
		": another module cannot write it down")
}
