package cluster

import (
	"fmt"
	"strconv"
	"strings"

	"trial/client/workload"
	"trial/clock"
	"trial/faults"
)

// PlanVersion is the version of the plan text that this build writes and reads.
const PlanVersion = 1

// String prints the plan as ParsePlan reads it.
func (p Plan) String() string {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%-9s%s\n", key, value) }
	line("plan", strconv.Itoa(PlanVersion))
	line("seed", SeedString(p.Seed))
	line("scenario", p.Scenario)
	line("mode", string(p.Mode))
	line("for", p.For.String())
	line("brokers", strconv.Itoa(int(p.Brokers)))
	line("buggify", strconv.FormatBool(p.Buggify))
	line("elr", strconv.FormatBool(p.ELR))
	line("linger", strconv.FormatBool(p.Linger))
	if p.Mutant != "" {
		line("mutant", p.Mutant)
	}
	line("net", printFields(bound(p.Net.Fields())))
	line("disk", printFields(bound(p.Disk.Fields())))
	for _, n := range p.Nodes {
		line("node", n.String())
	}
	for _, s := range p.Settings {
		line("set", s.Key+"="+s.Value)
	}
	for _, t := range p.Topics {
		words := fmt.Sprintf("%s partitions=%d replicas=%d", t.Name, t.Partitions, t.Replicas)
		for _, c := range t.Configs {
			words += " " + c.Key + "=" + c.Value
		}
		line("topic", words)
	}
	for i := range p.Clients {
		line("client", p.Clients[i].Name+" "+p.Clients[i].Config.String())
	}
	line("faults", "")
	b.WriteString(p.Faults.String())
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

// SeedString prints a seed as flags, plans and reports write it: 0x and 16 digits.
func SeedString(seed uint64) string { return fmt.Sprintf("0x%016x", seed) }

// ParseSeed reads a seed: hexadecimal with 0x, or decimal.
func ParseSeed(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("seed %q is not a number of 64 bits; write 0x9e3779b97f4a7c15 or a decimal", s)
	}
	return n, nil
}

// ParsePlan reads the text of a plan. Lines that start with # are comments; an
// unknown key is an error that names its line.
func ParsePlan(text string) (Plan, error) {
	p := Plan{Scenario: Mixed, Mode: Budget}
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
			blank := strings.Repeat("\n", i+1) // so that errors name lines of the file
			s, err := faults.Parse(blank + strings.Join(lines[i+1:], "\n"))
			if err != nil {
				return p, err
			}
			p.Faults = s
			break
		}
		if err := p.parseLine(key, rest); err != nil {
			return p, fmt.Errorf("line %d: %s: %w", i+1, key, err)
		}
	}
	if !versioned {
		return p, fmt.Errorf("the plan is empty; it begins with the line: plan %d", PlanVersion)
	}
	return p, p.Validate()
}

func (p *Plan) parseLine(key string, rest []string) (err error) {
	one := func() (string, error) {
		if len(rest) != 1 {
			return "", fmt.Errorf("it takes one value, not %d", len(rest))
		}
		return rest[0], nil
	}
	switch key {
	case "net":
		return parseFields(rest, bound(p.Net.Fields()))
	case "disk":
		return parseFields(rest, bound(p.Disk.Fields()))
	case "node":
		return p.parseNode(rest)
	case "topic":
		return p.parseTopic(rest)
	case "client":
		return p.parseClient(rest)
	}
	v, err := one()
	if err != nil {
		return err
	}
	switch key {
	case "plan":
		if v != strconv.Itoa(PlanVersion) {
			return fmt.Errorf("this build reads plans of version %d, not %s", PlanVersion, v)
		}
	case "seed":
		p.Seed, err = ParseSeed(v)
	case "scenario":
		p.Scenario = v
	case "mode":
		p.Mode, err = ParseMode(v)
	case "for":
		p.For, err = clock.Parse(v)
	case "brokers":
		err = setInt(v, 32, func(n int64) { p.Brokers = int32(n) })
	case "buggify":
		err = field{"buggify", &p.Buggify}.set(v)
	case "elr":
		err = field{"elr", &p.ELR}.set(v)
	case "linger":
		err = field{"linger", &p.Linger}.set(v)
	case "mutant":
		p.Mutant = v
	case "set":
		k, val, ok := strings.Cut(v, "=")
		if !ok {
			return fmt.Errorf("%q is not of the form key=value", v)
		}
		p.Set(k, val)
	default:
		return fmt.Errorf("unknown key; known are plan, seed, scenario, mode, for, brokers, buggify, elr, linger, mutant, net, disk, node, set, topic, client, faults")
	}
	return err
}

func (p *Plan) parseTopic(words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("it needs a name, as in: topic t partitions=3 replicas=3")
	}
	t := Topic{Name: words[0], Partitions: 1, Replicas: 1}
	for _, w := range words[1:] {
		k, v, ok := strings.Cut(w, "=")
		if !ok {
			return fmt.Errorf("%q is not of the form key=value", w)
		}
		var err error
		switch k {
		case "partitions":
			err = setInt(v, 32, func(n int64) { t.Partitions = int32(n) })
		case "replicas":
			err = setInt(v, 32, func(n int64) { t.Replicas = int32(n) })
		default:
			t.Configs = set(t.Configs, k, v)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
	}
	p.Topics = append(p.Topics, t)
	return nil
}

func (p *Plan) parseClient(words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("it needs a name and a role, as in: client c1 producer acks=-1 rate=20")
	}
	cfg, err := workload.Parse(strings.Join(words[1:], " "))
	if err != nil {
		return err
	}
	p.Clients = append(p.Clients, Client{words[0], cfg})
	return nil
}

// ParseMode reads a mode.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case Budget, Unbounded:
		return m, nil
	}
	return "", fmt.Errorf("mode %q is neither %s nor %s", s, Budget, Unbounded)
}
