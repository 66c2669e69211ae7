package strimzi

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"trial/internal/spell"
)

// File is the content of one file and its name in messages.
type File struct {
	Name string
	Data []byte
}

// Error is one thing that is wrong with a file.
type Error struct {
	File   string
	Line   int
	Reason string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// reader collects what is wrong and what is ignored while files are read.
type reader struct {
	errs    []*Error
	ignored []string
}

func (r *reader) ignore(what string) {
	if !slices.Contains(r.ignored, what) {
		r.ignored = append(r.ignored, what)
	}
}

// err joins the errors, in the order of files and lines.
func (r *reader) err() error {
	list := make([]error, 0, len(r.errs))
	slices.SortStableFunc(r.errs, func(a, b *Error) int {
		if a.File != b.File {
			return 0 // files stay in the order in which they were given
		}
		return cmp.Compare(a.Line, b.Line)
	})
	for _, e := range r.errs {
		list = append(list, e)
	}
	return errors.Join(list...)
}

// value is a place in a file: a node of the YAML tree with the way to it.
type value struct {
	r    *reader
	file string
	of   string // "KafkaNodePool ": whose path it is, empty for the Kafka itself
	path string // "spec.kafka.config", empty at the top
	node *yaml.Node
}

func (v value) fail(format string, args ...any) {
	v.r.errs = append(v.r.errs, &Error{v.file, v.node.Line, fmt.Sprintf(format, args...)})
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// documents splits a file; every one is a mapping.
func (r *reader) documents(f File) []value {
	var out []value
	dec := yaml.NewDecoder(bytes.NewReader(f.Data))
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			e := &Error{File: f.Name, Reason: "this is no YAML: " + yamlLine.ReplaceAllString(err.Error(), "")}
			if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
				e.Line, _ = strconv.Atoi(m[1])
			}
			r.errs = append(r.errs, e)
			return out
		}
		if len(n.Content) == 0 || n.Content[0].Tag == "!!null" {
			continue // an empty document, as behind a last ---
		}
		v := value{r: r, file: f.Name, node: resolve(n.Content[0])}
		if v.node.Kind != yaml.MappingNode {
			v.fail("a resource is a mapping with apiVersion, kind, metadata and spec, not %s", v.kind())
			continue
		}
		out = append(out, v)
	}
}

// resolve follows aliases.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// kind names what the value is, for people.
func (v value) kind() string {
	switch v.node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if v.node.Tag == "!!null" {
		return "nothing"
	}
	return strconv.Quote(v.node.Value)
}

// field is one entry of a mapping.
type field struct {
	name string
	value
	key value // where the name stands
}

// fields lists the entries of a mapping; it reports a value that is none, and
// names that come twice.
func (v value) fields() []field {
	if v.node.Kind != yaml.MappingNode {
		v.fail("%s must be a mapping, not %s", v.path, v.kind())
		return nil
	}
	var out []field
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		k := v.node.Content[i]
		f := field{
			name: k.Value, key: value{v.r, v.file, v.of, v.path, k},
			value: value{v.r, v.file, v.of, strings.TrimPrefix(v.path+"."+k.Value, "."), resolve(v.node.Content[i+1])},
		}
		if slices.ContainsFunc(out, func(o field) bool { return o.name == f.name }) {
			f.key.fail("%s is there twice", f.path)
			continue
		}
		out = append(out, f)
	}
	return out
}

// open lists the entries of a mapping whose names are given: those in use and those
// that are known but mean nothing here. Others that look like a known one are
// reported as misspelt, the rest as ignored.
func (v value) open(used, moot []string) []field {
	var out []field
	for _, f := range v.fields() {
		switch {
		case slices.Contains(used, f.name):
			out = append(out, f)
		case slices.Contains(moot, f.name):
			v.r.ignore(v.of + f.path)
		default:
			if near := nearest(f.name, slices.Concat(used, moot)); near != "" {
				f.key.fail("unknown field %s; did you mean %s?", f.path, near)
			} else {
				v.r.ignore(v.of + f.path + " (unknown)")
			}
		}
	}
	return out
}

// find returns an entry by its name.
func find(list []field, name string) (field, bool) {
	i := slices.IndexFunc(list, func(f field) bool { return f.name == name })
	if i < 0 {
		return field{}, false
	}
	return list[i], true
}

// text is a scalar as it stands in the file.
func (v value) text() (string, bool) {
	if v.node.Kind != yaml.ScalarNode || v.node.Tag == "!!null" {
		v.fail("%s must be one value, not %s", v.path, v.kind())
		return "", false
	}
	return v.node.Value, true
}

// word is text that is a string.
func (v value) word() (string, bool) {
	s, ok := v.text()
	if ok && s == "" {
		v.fail("%s must not be empty", v.path)
		return "", false
	}
	return s, ok
}

// oneOf is a word out of a list.
func (v value) oneOf(words ...string) (string, bool) {
	s, ok := v.text()
	if ok && !slices.Contains(words, s) {
		v.fail("%s is %q; it must be %s", v.path, s, orList(words))
		return "", false
	}
	return s, ok
}

// number is a whole number in a range.
func (v value) number(least, most int64) (int64, bool) {
	n, err := strconv.ParseInt(v.node.Value, 10, 64)
	if v.node.Kind != yaml.ScalarNode || v.node.Tag != "!!int" || err != nil || n < least || n > most {
		v.fail("%s is %s; it must be a whole number from %d to %d", v.path, strings.Trim(v.kind(), `"`), least, most)
		return 0, false
	}
	return n, true
}

// list are the elements of a sequence.
func (v value) list() []value {
	if v.node.Kind != yaml.SequenceNode {
		v.fail("%s must be a list, not %s", v.path, v.kind())
		return nil
	}
	var out []value
	for i, n := range v.node.Content {
		out = append(out, value{v.r, v.file, v.of, fmt.Sprintf("%s[%d]", v.path, i), resolve(n)})
	}
	return out
}

func orList(words []string) string {
	if n := len(words) - 1; n > 0 {
		return strings.Join(words[:n], ", ") + " or " + words[n]
	}
	return words[0]
}

// nearest is the known word that a misspelt one most likely means, "" for none.
func nearest(word string, known []string) string {
	best, least := "", min(3, len(word)/3+1)
	for _, k := range known {
		if d := spell.Distance(word, k); d < least || strings.EqualFold(word, k) {
			best, least = k, d
		}
	}
	return best
}
