package tidy

import (
	"strconv"
	"strings"
)

// ImportRule says which packages of this module a set of packages may import.
type ImportRule struct {
	Of    []string // packages the rule is for
	May   []string // what of this module they may import; themselves always
	Third []string // third-party prefixes they may import
	Why   string
}

// ImportRules are the import directions. The first rule that covers a package
// decides; a package that no rule covers is an error.
var ImportRules = []ImportRule{
	{Of: []string{"clock"}, Why: "time is a value and knows nobody"},
	{Of: []string{"internal/must", "internal/mutant", "internal/spell"}, Why: "words that everybody may use, using nobody"},
	{Of: []string{"internal/tidy"}, Third: []string{"golang.org/x/tools/go/packages"}, Why: "the rules must not depend on what they rule"},
	{Of: []string{"internal/golden"}, Why: "stories know nobody's commands: whoever has a world brings them"},
	{Of: []string{"engine"}, May: []string{"clock"}, Why: "the contract stands alone, so that any engine can be plugged in"},
	{Of: []string{"engine/echo", "engine/enginetest"}, May: []string{"engine", "clock", "engine/echo", "internal/must"}, Third: []string{"github.com/google/go-cmp", "go.uber.org/goleak"},
		Why: "programs that prove the contract must not know a host"},
	{Of: []string{"engine/kafka/view"}, Why: "facts are values"},
	{Of: []string{"engine/kafka/..."}, May: []string{"engine", "clock", "internal/must", "internal/mutant", "internal/spell", "internal/record", "internal/record/codec", "internal/wire", "engine/kafka/..."},
		Third: []string{"github.com/twmb/franz-go/pkg"}, Why: "the engine is a function of its events: never sim, host, net, disk, faults, checks, client"},
	{Of: []string{"internal/record"}, May: []string{"internal/record/codec"}, Third: []string{"github.com/twmb/franz-go/pkg"}, Why: "a format, no behaviour"},
	{Of: []string{"internal/record/codec"}, Third: []string{"github.com/klauspost/compress", "github.com/pierrec/lz4"}, Why: "bytes to bytes: it knows no batch"},
	{Of: []string{"internal/wire"}, May: []string{"engine", "internal/record"}, Third: []string{"github.com/twmb/franz-go/pkg"}, Why: "framing and encoding only"},
	{Of: []string{"internal/wire/shapegen"}, Third: []string{"github.com/twmb/franz-go/pkg/kmsg"}, Why: "a generator reads kmsg and writes source; nothing imports it"},
	{Of: []string{"client/..."}, May: []string{"engine", "clock", "checks/history", "internal/record", "internal/record/codec", "internal/wire", "internal/must", "internal/mutant", "client/..."},
		Third: []string{"github.com/twmb/franz-go/pkg"}, Why: "clients talk to any broker by wire, never to our engine's insides"},
	{Of: []string{"checks/history"}, May: []string{"clock"}, Why: "what was observed is independent of who observed it"},
	{Of: []string{"checks/invariant"}, May: []string{"engine", "engine/kafka/view", "clock", "checks", "checks/..."},
		Why: "white-box judges see facts and views, not the engine"},
	{Of: []string{"checks", "checks/..."}, May: []string{"clock", "checks", "checks/...", "engine"}, Third: []string{"github.com/anishathalye/porcupine", "github.com/klauspost/compress", "github.com/pierrec/lz4"},
		Why: "judges know histories and bytes, with decoders of their own, so that a codec bug shows"},
	{Of: []string{"faults"}, May: []string{"clock", "engine"}, Why: "faults find the leader through a small interface, never through a Kafka type"},
	{Of: []string{"clock/virtual"}, May: []string{"clock", "internal/must"}, Why: "the timeline knows instants and tasks, not who set them"},
	{Of: []string{"clock/real"}, May: []string{"clock"}, Why: "the machine's clock is the real host's"},
	{Of: []string{"net/simnet", "disk/simdisk"}, May: []string{"clock", "clock/virtual", "engine", "internal/must"}, Why: "simulated devices know the contract and the timeline"},
	{Of: []string{"disk/disktest"}, May: []string{"engine", "clock"}, Third: []string{"github.com/google/go-cmp"}, Why: "one suite for every disk"},
	{Of: []string{"net/tcpnet", "disk/osdisk"}, May: []string{"clock", "engine", "internal/must"}, Third: []string{"golang.org/x/sys"},
		Why: "the real edge knows the contract and the operating system"},
	{Of: []string{"sim"}, May: []string{"engine", "clock", "clock/virtual", "net/simnet", "disk/simdisk", "faults", "internal/must"}, Why: "the simulator is engine-neutral: programs and judges arrive by interface"},
	{Of: []string{"sim/climate"}, May: []string{"engine", "clock", "net/simnet", "disk/simdisk"}, Why: "what plans of every system have in common, and nothing else of them"},
	{Of: []string{"sim/trialrun"}, May: []string{"sim", "sim/climate", "engine", "clock", "faults", "net/simnet", "disk/simdisk"}, Why: "engine-neutral as sim is, and all that it shows another module can import"},
	{Of: []string{"host"}, May: []string{"engine", "clock", "clock/real", "net/tcpnet", "disk/osdisk", "internal/must"}, Third: []string{"golang.org/x/sys"},
		Why: "the real host is engine-neutral"},
	{Of: []string{"sim/cluster"}, May: []string{"sim", "sim/climate", "faults", "engine", "engine/...", "client/...", "checks", "checks/...", "clock", "internal/mutant", "internal/must", "internal/record", "internal/wire", "net/simnet", "disk/simdisk"},
		Third: []string{"github.com/twmb/franz-go/pkg"}, Why: "the one place where Kafka meets the simulator"},
	{Of: []string{"sim/strimzi"}, May: []string{"internal/spell", "sim/cluster", "faults", "engine", "engine/kafka/...", "client/workload", "clock"}, Third: []string{"go.yaml.in/yaml/v3"},
		Why: "a description of a cluster becomes plans; running them is others' work"},
	{Of: []string{"host/serve"}, May: []string{"host", "engine", "engine/kafka/...", "clock"}, Third: []string{"github.com/twmb/franz-go/pkg"}, Why: "the one place where Kafka meets the real host"},
	{Of: []string{"sim/bubble"}, May: []string{"sim/cluster", "engine", "clock"}, Why: "a user's client in the simulator: a driver at the real edge, with goroutines, locks and the bubble's clock; the client itself is the user's"},
	{Of: []string{"sim/bubble/acked"}, Third: []string{"github.com/twmb/franz-go/pkg"}, Why: "a hook of one client, which knows nothing of where it runs"},
	{Of: []string{"sim/simtest/gen"}, May: []string{"sim/cluster", "faults", "client/workload", "clock"}, Third: []string{"pgregory.net/rapid"},
		Why: "generators make plans; they run nothing"},
	{Of: []string{"cmd/...", "seeds", "examples/...", "sim/simtest"}, May: []string{"sim/...", "sim", "host", "host/...", "faults", "clock", "checks/...", "checks", "client/...", "engine/...", "engine", "internal/mutant"},
		Third: []string{"github.com/spf13", "github.com/prometheus", "github.com/schollz/progressbar", "golang.org/x/term", "pgregory.net/rapid"}, Why: "faces use the whole"},
}

// Imports reports the imports that no rule allows.
func (t *Tree) Imports() []string {
	var bad []string
	for _, f := range t.Files {
		if f.Test {
			continue
		}
		rule := ruleFor(f.Pkg)
		if rule == nil {
			bad = append(bad, f.Path+": no import rule covers package "+f.Pkg+"; add one with its reason to internal/tidy/imports.go")
			continue
		}
		for _, im := range f.AST.Imports {
			p, _ := strconv.Unquote(im.Path.Value)
			if !rule.allows(f.Pkg, p) {
				bad = append(bad, t.Pos(im)+": "+f.Pkg+" must not import "+p+": "+rule.Why)
			}
		}
	}
	return bad
}

func ruleFor(pkg string) *ImportRule {
	for i := range ImportRules {
		if under(pkg, ImportRules[i].Of...) {
			return &ImportRules[i]
		}
	}
	return nil
}

func (r *ImportRule) allows(pkg, imported string) bool {
	if own, ok := strings.CutPrefix(imported, Module+"/"); ok {
		return own == pkg || under(own, r.May...)
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return true // the standard library: see Banned
	}
	for _, third := range r.Third {
		if strings.HasPrefix(imported, third) {
			return true
		}
	}
	return false
}
