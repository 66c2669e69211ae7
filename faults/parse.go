package faults

import (
	"fmt"
	"slices"
	"strings"

	"trial/clock"
)

// Parse reads a schedule: one fault a line, empty lines and lines that start
// with # skipped. The error names the line, what is wrong and what would be right.
func Parse(text string) (Schedule, error) {
	var s Schedule
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f, err := ParseFault(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		s = append(s, f)
	}
	return s, nil
}

// ParseFault reads one line of a schedule, such as "2.1s kill leader of t-0 for 3s"
// or "after 3 acks of t-0: kill leader of t-0 for 3s".
func ParseFault(line string) (Fault, error) {
	f, err := parseLine(line)
	if err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", line, err)
	}
	return f, nil
}

func parseLine(line string) (f Fault, err error) {
	if !anchored(line) {
		p := parser{words: words(line)}
		if err := p.instant(&f); err != nil {
			return f, err
		}
		return f, p.fault(&f)
	}
	anchor, rest, ok := strings.Cut(line, ":")
	if !ok {
		return f, fmt.Errorf("a colon ends an anchor, as in: after 3 acks of t-0: kill leader of t-0 for 3s")
	}
	if err := parseAnchor(anchor, &f); err != nil {
		return f, err
	}
	p := parser{words: words(rest)}
	return f, p.fault(&f)
}

// words splits at blanks; commas, bars and arrows are words of their own.
func words(line string) []string {
	for _, sep := range []string{",", "|", ">"} {
		line = strings.ReplaceAll(line, sep, " "+sep+" ")
	}
	return strings.Fields(line)
}

type parser struct {
	words []string
}

func (p *parser) peek() string {
	if len(p.words) == 0 {
		return ""
	}
	return p.words[0]
}

func (p *parser) next() string {
	w := p.peek()
	if len(p.words) > 0 {
		p.words = p.words[1:]
	}
	return w
}

func (p *parser) instant(f *Fault) error {
	at, err := clock.Parse(p.next())
	if err != nil {
		return fmt.Errorf("it must begin with its instant (2.1s) or with an anchor (after 3 acks of t-0:): %w", err)
	}
	if at < 0 {
		return fmt.Errorf("the instant %v is before the start", at)
	}
	f.At = clock.Instant(at)
	return nil
}

func (p *parser) fault(f *Fault) (err error) {
	f.Action = Action(p.next())
	sh, ok := shapeOf(f.Action)
	if !ok {
		if anchored(string(f.Action)) {
			return fmt.Errorf("an anchor comes first; to wait for an event not before an instant, write: after %v, when n2 leads t-0: kill n1 for 3s", f.At)
		}
		return fmt.Errorf("unknown action %q; known are %s", f.Action, join(Actions()))
	}
	if sh.class {
		if f.Class = p.next(); f.Class == "" || p.next() != "from" {
			return fmt.Errorf("%s needs what it holds and whose, as in: hold heartbeat from n1 for 4s", f.Action)
		}
	}
	if f.Left, err = p.targets(); err != nil {
		return err
	}
	if err := p.right(f, sh); err != nil {
		return err
	}
	return p.spans(f, sh)
}

func (p *parser) right(f *Fault, sh shape) (err error) {
	sep := p.peek()
	switch {
	case sh.sides == 2 && (sep == "|" || sep == ">" && sh.oneWay):
		p.next()
		f.OneWay = sep == ">"
		f.Right, err = p.targets()
	case sh.sides == 2:
		err = fmt.Errorf("%s needs two sides, as in: %s n1 | n2, n3", f.Action, f.Action)
	case sep == "|" || sep == ">":
		err = fmt.Errorf("%s has one side only", f.Action)
	}
	return err
}

func (p *parser) targets() ([]Target, error) {
	var out []Target
	for {
		w := p.next()
		if w == "" || w == "|" || w == ">" || w == "," || w == "for" || w == "by" {
			return nil, fmt.Errorf("a target is missing; write a node (n1), %s of t-0, %s of t-0, %s, %s or %s",
				Leader, Follower, Controller, Rest, Everyone)
		}
		t := Target{Node: w}
		if w == Zone {
			if t.Of = p.next(); t.Of == "" || slices.Contains([]string{",", "|", ">", "for", "by"}, t.Of) {
				return nil, fmt.Errorf("which zone? write its name, as in: zone a")
			}
		}
		if w != Zone && p.peek() == "of" {
			p.next()
			if t.Of = p.next(); t.Of == "" {
				return nil, fmt.Errorf("%s of what? write a partition, as in: %s of t-0", w, w)
			}
		}
		if needsOf := w == Leader || w == Follower; w != Zone && needsOf != (t.Of != "") {
			return nil, fmt.Errorf("target %q: only %s and %s take, and need, a partition, as in: %s of t-0", t, Leader, Follower, Leader)
		}
		out = append(out, t)
		if p.peek() != "," {
			return out, nil
		}
		p.next()
	}
}

func (p *parser) spans(f *Fault, sh shape) error {
	for len(p.words) > 0 {
		var to *clock.Duration
		w := p.next()
		switch {
		case w == "for" && sh.span && f.For == 0:
			to = &f.For
		case w == "by" && sh.by && f.By == 0:
			to = &f.By
		default:
			return fmt.Errorf("%q has no meaning there", w)
		}
		d, err := clock.Parse(p.next())
		if err != nil {
			return err
		}
		if d <= 0 {
			return fmt.Errorf("%q needs a span above zero", w)
		}
		*to = d
	}
	if sh.span && f.For == 0 {
		return fmt.Errorf("%s must say how long, as in: for 3s", f.Action)
	}
	if sh.by && f.By == 0 {
		return fmt.Errorf("%s must say by how much, as in: by 20ms", f.Action)
	}
	return nil
}

func join(as []Action) string {
	out := make([]string, len(as))
	for i, a := range as {
		out[i] = string(a)
	}
	return strings.Join(out, ", ")
}
