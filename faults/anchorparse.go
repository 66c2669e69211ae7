package faults

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"trial/clock"
)

// anchored reports whether a line begins as one with an anchor does.
func anchored(line string) bool {
	w, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	w = strings.TrimRight(w, ":,")
	return slices.Contains([]string{"after", "when", "on", "not"}, w)
}

// parseAnchor reads what comes before the colon into f.
func parseAnchor(text string, f *Fault) error {
	for _, sep := range []string{",", "{", "}"} {
		text = strings.ReplaceAll(text, sep, " "+sep+" ")
	}
	p := &parser{words: strings.Fields(text)}
	if err := p.bound(f); err != nil {
		return err
	}
	for more := true; more; {
		s, err := p.step()
		if err != nil {
			return err
		}
		f.Steps = append(f.Steps, s)
		if more = p.peek() == ","; more {
			p.next()
			more = p.peek() != "before"
		}
	}
	if f.Steps[0].Later != 0 {
		return fmt.Errorf("an anchor begins with an event, as in: after 5s, after 3 acks of t-0: ...; a fault at an instant begins with it, as in: 5s kill n1 for 3s")
	}
	if p.peek() == "before" {
		p.next()
		if err := p.before(f); err != nil {
			return err
		}
	}
	if len(p.words) > 0 {
		return fmt.Errorf("%q has no meaning there; a comma separates the steps of an anchor, and a colon ends it", p.peek())
	}
	return nil
}

// bound reads "after 5s," or "not before 5s,": the earliest instant.
func (p *parser) bound(f *Fault) error {
	words := p.words
	must := len(words) > 1 && words[0] == "not" && words[1] == "before"
	switch {
	case must:
		words = words[2:]
	case len(words) > 0 && words[0] == "after":
		words = words[1:]
	default:
		return nil
	}
	if len(words) == 0 {
		return fmt.Errorf("after what? write an event or an instant, as in: after 3 acks of t-0: ... or: after 5s, when n2 leads t-0: ")
	}
	at, err := clock.Parse(words[0])
	switch {
	case err != nil && must:
		return err
	case err != nil:
		return nil // an event
	case at < 0:
		return fmt.Errorf("the instant %v is before the start", at)
	case len(words) < 2 || words[1] != ",":
		return fmt.Errorf("a comma and an event must follow %v, as in: after %v, when n2 leads t-0: ...; a fault at an instant begins with it, as in: %v kill n1 for 3s", at, at, at)
	}
	f.At, p.words = clock.Instant(at), words[2:]
	return nil
}

// step reads one step: "after 3 acks of t-0", also written "on ack 3 of t-0",
// "when n2 leads t-0" or "2ms later".
func (p *parser) step() (Step, error) {
	w := p.next()
	s := Step{Count: 1}
	var err error
	switch w {
	case "after":
		if d, err := clock.Parse(p.peek()); err == nil {
			return s, fmt.Errorf("after %v: an instant comes first in an anchor; a span between two steps is written: %v later", d, d)
		}
		if s.Count, err = p.number(); err == nil {
			err = p.event(&s.Event)
		}
	case "on":
		if err = p.what(&s.Event); err == nil {
			if s.Count, err = p.number(); err == nil {
				err = p.where(&s.Event)
			}
		}
	case "when":
		err = p.state(&s.Event)
	default:
		d, bad := clock.Parse(w)
		switch {
		case bad != nil:
			err = fmt.Errorf("%q begins no step of an anchor; a step is written: after 3 acks of t-0, or: when n2 leads t-0, or: 2ms later", w)
		case d <= 0 || p.next() != "later":
			err = fmt.Errorf("a span above zero and then the word later, as in: 2ms later")
		}
		s = Step{Later: d}
	}
	return s, err
}

// number reads how often something is to happen.
func (p *parser) number() (int64, error) {
	w := p.next()
	n, err := strconv.ParseInt(w, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a number from 1, as in: after 3 acks of t-0", w)
	}
	return n, nil
}

// event reads what happens and to whom: "acks of t-0 on n2".
func (p *parser) event(e *Event) error {
	if err := p.what(e); err != nil {
		return err
	}
	return p.where(e)
}

// what reads the name of a happening, in the singular or the plural.
func (p *parser) what(e *Event) error {
	var words []string
	for len(p.words) > 0 && !p.ends() && p.peek() != "of" && p.peek() != "on" {
		if _, err := strconv.ParseInt(p.peek(), 10, 64); err == nil {
			break
		}
		words = append(words, p.next())
	}
	name := strings.Join(words, " ")
	var known []string
	for _, k := range kinds {
		if k.state {
			continue
		}
		if strings.EqualFold(name, string(k.name)) || strings.EqualFold(name, k.plural) {
			e.What = k.name
			return nil
		}
		known = append(known, k.plural)
	}
	return fmt.Errorf("unknown event %q; known are %s; a state is written: when n2 leads t-0", name, strings.Join(known, ", "))
}

// ends reports whether a step has no more words.
func (p *parser) ends() bool { return slices.Contains([]string{"", ",", "before"}, p.peek()) }

// where reads "of t-0 on n2".
func (p *parser) where(e *Event) error {
	k, _ := kindOf(e.What)
	if p.peek() == "of" {
		p.next()
		if k.of == Nothing {
			return fmt.Errorf("%s is of nobody; leave out: of %s", e.What, p.peek())
		}
		if p.ends() {
			return fmt.Errorf("%s of what? write a %s", e.What, k.of)
		}
		e.Of = p.next()
	}
	if k.of != Nothing && e.Of == "" {
		return fmt.Errorf("%s of what? write a %s, as in: %s of %s", e.What, k.of, e.What, example(k.of))
	}
	if p.peek() == "on" {
		p.next()
		if !k.on {
			return fmt.Errorf("%s is not on one broker; leave out: on %s", e.What, p.peek())
		}
		if p.ends() {
			return fmt.Errorf("on which broker? write one, as in: on n2")
		}
		e.On = p.next()
	}
	return nil
}

func example(s Subject) string {
	switch s {
	case SomePartition:
		return "t-0"
	case SomeClient:
		return "c1"
	}
	return "n1"
}

// state reads what comes behind "when".
func (p *parser) state(e *Event) error {
	if p.peek() == "the" {
		p.next()
	}
	switch w := p.next(); {
	case strings.EqualFold(w, "isr") && p.skip("of"):
		e.What, e.Of = ISRIs, p.next()
		if !p.skip("is", "{") {
			return fmt.Errorf("an ISR is a set of brokers, as in: when the ISR of t-0 is {n1, n2}")
		}
		return p.set(e)
	case w == "high" && p.skip("watermark", "of"):
		e.What, e.Of = HWReaches, p.next()
		if !p.skip("reaches") {
			return fmt.Errorf("a high watermark reaches an offset, as in: when the high watermark of t-0 reaches 41")
		}
		n, err := p.number()
		if err != nil {
			return fmt.Errorf("the offset that the high watermark reaches: %w", err)
		}
		e.To = n
	case p.skip("has", "no", "leader"):
		e.What, e.Of = NoLeader, w
	case p.skip("leads") && !p.ends():
		e.What, e.On, e.Of = Leads, w, p.next()
	case p.skip("is", "controller") || p.skip("is", "the", "controller"):
		e.What, e.On = IsController, w
	default:
		return fmt.Errorf("unknown state %q; known are: n2 leads t-0, n2 is controller, t-0 has no leader, the ISR of t-0 is {n1, n2}, the high watermark of t-0 reaches 41; what is counted is written: after 3 acks of t-0", w)
	}
	return nil
}

// skip takes these words, if they are next.
func (p *parser) skip(words ...string) bool {
	if len(p.words) < len(words) || !slices.Equal(p.words[:len(words)], words) {
		return false
	}
	p.words = p.words[len(words):]
	return true
}

// set reads the members of an ISR up to the brace; a bare number is that broker.
func (p *parser) set(e *Event) error {
	var names []string
	for i := 0; ; i++ {
		w := p.next()
		switch {
		case w == "}" && i == 0: // {}
		case w == "" || w == "," || w == "{" || w == "}":
			return fmt.Errorf("an ISR is written: {n1, n2}")
		default:
			if _, err := strconv.ParseUint(w, 10, 31); err == nil {
				w = "n" + w
			}
			names = append(names, w)
			if p.skip(",") {
				continue
			}
			if !p.skip("}") {
				return fmt.Errorf("an ISR is written: {n1, n2}")
			}
		}
		e.Set = Members(names)
		return nil
	}
}

// before reads what comes behind "before": "the next high watermark move of t-0",
// also written "its high watermark moves" or "the high watermark of t-0 moves".
func (p *parser) before(f *Fault) error {
	last := ""
	for _, s := range f.Steps {
		if s.Event.Of != "" {
			last = s.Event.Of
		}
	}
	e := &f.Before
	switch {
	case p.skip("the", "next"):
		return p.event(e)
	case p.skip("its", "high", "watermark", "moves") || p.skip("the", "high", "watermark", "moves"):
		e.What, e.Of = HWMove, last
	case p.skip("the", "high", "watermark", "of") && !p.ends():
		e.What, e.Of = HWMove, p.next()
		if !p.skip("moves") {
			return fmt.Errorf("write: before the high watermark of %s moves", e.Of)
		}
	default:
		return fmt.Errorf("before what? write an event, as in: before the next high watermark move of t-0")
	}
	if e.Of == "" {
		return fmt.Errorf("whose high watermark? write: before the high watermark of t-0 moves")
	}
	return nil
}
