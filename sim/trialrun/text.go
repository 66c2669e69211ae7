package trialrun

import (
	"fmt"
	"strconv"
	"strings"

	"trial/clock"
	"trial/faults"
	"trial/sim/climate"
)

// PlanVersion is the version of the plan text that this build writes and reads.
const PlanVersion = 1

// String prints the plan as System.ParsePlan reads it.
func (p Plan) String() string {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%-9s%s\n", key, value) }
	line("plan", strconv.Itoa(PlanVersion))
	line("system", p.System)
	line("seed", SeedString(p.Seed))
	line("for", p.For.String())
	line("liveness", p.Liveness.String())
	line("servers", strconv.Itoa(p.Servers))
	line("clients", strconv.Itoa(p.Clients))
	line("buggify", strconv.FormatBool(p.Buggify))
	if p.Mutant != "" {
		line("mutant", p.Mutant)
	}
	line("net", printFields(p.Net.Fields()))
	line("disk", printFields(p.Disk.Fields()))
	for _, k := range p.Knobs {
		line("knob", k.Name+"="+strconv.FormatInt(k.Value, 10))
	}
	b.WriteString("faults\n")
	b.WriteString(p.Faults.String())
	return b.String()
}

// SeedString prints a seed as plans write it: 0x and 16 digits.
func SeedString(seed uint64) string { return fmt.Sprintf("0x%016x", seed) }

// ParseSeed reads a seed: hexadecimal with 0x, or decimal.
func ParseSeed(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("seed %q is not a number of 64 bits; write 0x9e3779b97f4a7c15 or a decimal", text)
	}
	return n, nil
}

// ParsePlan reads the text of a plan of this system. What the text does not say
// is as if nothing had been drawn. Lines that start with # are comments; an
// unknown key is an error that names its line.
func (s *System) ParsePlan(text string) (Plan, error) {
	p := s.blank()
	p.System = ""
	lines := strings.Split(text, "\n")
	versioned := false
	for i, raw := range lines {
		words := strings.Fields(raw)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		key, rest := words[0], words[1:]
		if !versioned && key != "plan" {
			return p, fmt.Errorf("line %d: a plan begins with the line: plan %d", i+1, PlanVersion)
		}
		versioned = true
		if key == "faults" {
			if len(rest) > 0 {
				return p, fmt.Errorf("line %d: faults: the faults follow, one a line", i+1)
			}
			blank := strings.Repeat("\n", i+1) // so that errors name lines of the text
			var err error
			if p.Faults, err = faults.Parse(blank + strings.Join(lines[i+1:], "\n")); err != nil {
				return p, err
			}
			break
		}
		if err := s.parseLine(&p, key, rest); err != nil {
			return p, fmt.Errorf("line %d: %s: %w", i+1, key, err)
		}
	}
	if !versioned {
		return p, fmt.Errorf("the plan is empty; it begins with the line: plan %d", PlanVersion)
	}
	return p, s.Validate(&p)
}

func (s *System) parseLine(p *Plan, key string, rest []string) (err error) {
	switch key {
	case "net":
		return parseFields(rest, p.Net.Fields())
	case "disk":
		return parseFields(rest, p.Disk.Fields())
	}
	if len(rest) != 1 {
		return fmt.Errorf("it takes one value, not %d", len(rest))
	}
	v := rest[0]
	switch key {
	case "plan":
		if v != strconv.Itoa(PlanVersion) {
			return fmt.Errorf("this build reads plans of version %d, not %s", PlanVersion, v)
		}
	case "system":
		p.System = v
	case "seed":
		p.Seed, err = ParseSeed(v)
	case "for":
		p.For, err = clock.Parse(v)
	case "liveness":
		p.Liveness, err = clock.Parse(v)
	case "servers":
		p.Servers, err = number(v)
	case "clients":
		p.Clients, err = number(v)
	case "buggify":
		if p.Buggify, err = strconv.ParseBool(v); err != nil {
			err = fmt.Errorf("%q is neither true nor false", v)
		}
	case "mutant":
		p.Mutant = v
	case "knob":
		name, value, ok := strings.Cut(v, "=")
		k := Setting{Name: name}
		if k.Value, err = strconv.ParseInt(value, 10, 64); !ok || err != nil {
			return fmt.Errorf("%q is not of the form name=number", v)
		}
		if err := s.checkKnob(k); err != nil {
			return err
		}
		p.SetKnob(name, k.Value)
	default:
		return fmt.Errorf("unknown key; known are plan, system, seed, for, liveness, servers, clients, buggify, mutant, net, disk, knob, faults")
	}
	return err
}

func number(v string) (int, error) {
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number of 32 bits", v)
	}
	return int(n), nil
}

func printFields(fs []climate.Field) string {
	words := make([]string, len(fs))
	for i, f := range fs {
		if f.Span != nil {
			words[i] = f.Name + "=" + f.Span.String()
		} else {
			words[i] = f.Name + "=" + strconv.FormatInt(*f.Num, 10)
		}
	}
	return strings.Join(words, " ")
}

// parseFields reads key=value words into fs. Keys that are missing keep what they had.
func parseFields(words []string, fs []climate.Field) error {
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			return fmt.Errorf("%q is not of the form key=value", w)
		}
		if err := setField(fs, name, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func setField(fs []climate.Field, name, value string) (err error) {
	var names []string
	for _, f := range fs {
		names = append(names, f.Name)
		if f.Name != name {
			continue
		}
		if f.Span != nil {
			*f.Span, err = clock.Parse(value)
			return err
		}
		if *f.Num, err = strconv.ParseInt(value, 10, 64); err != nil {
			err = fmt.Errorf("%q is not a whole number of 64 bits", value)
		}
		return err
	}
	return fmt.Errorf("unknown key; known are %s", strings.Join(names, ", "))
}
