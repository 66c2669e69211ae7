package kafka

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// confDef describes one configuration key: its type, its default and what is
// a legal value (ConfigDef in Kafka).
type confDef struct {
	name     string
	kind     kmsg.ConfigType
	def      string
	min, max int64    // of numbers; both 0: unbounded
	oneOf    []string // legal words of a string or a list; empty: any
}

const (
	maxInt32 = 1<<31 - 1
	maxInt64 = 1<<63 - 1
)

// check tells what is wrong with a value, naming the key and what would be right.
func (d *confDef) check(value string) error {
	bad := func(want string) error {
		return fmt.Errorf("%s = %q: must be %s", d.name, value, want)
	}
	v := strings.TrimSpace(value)
	switch d.kind {
	case kmsg.ConfigTypeBoolean:
		if l := strings.ToLower(v); l != "true" && l != "false" {
			return bad("true or false")
		}
	case kmsg.ConfigTypeInt, kmsg.ConfigTypeLong, kmsg.ConfigTypeShort:
		lo, hi := d.bounds()
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < lo || n > hi {
			return bad(fmt.Sprintf("a whole number from %d to %d", lo, hi))
		}
	case kmsg.ConfigTypeDouble:
		if _, ok := parseRatio(v); !ok {
			return bad("a number from 0 to 1, such as 0.5")
		}
	case kmsg.ConfigTypeList:
		for _, w := range splitList(v) {
			if !d.allows(w) {
				return bad("a list of " + strings.Join(d.oneOf, ", "))
			}
		}
	default:
		if !d.allows(v) {
			return bad("one of " + strings.Join(d.oneOf, ", "))
		}
	}
	return nil
}

func (d *confDef) bounds() (lo, hi int64) {
	if d.min != 0 || d.max != 0 {
		return d.min, d.max
	}
	if d.kind == kmsg.ConfigTypeInt {
		return -maxInt32 - 1, maxInt32
	}
	return -maxInt64 - 1, maxInt64
}

func (d *confDef) allows(word string) bool {
	if len(d.oneOf) == 0 {
		return true
	}
	for _, w := range d.oneOf {
		if w == word {
			return true
		}
	}
	return false
}

// parseRatio reads a number of [0, 1] as millionths: the engine has no floats.
func parseRatio(s string) (millionths int64, ok bool) {
	whole, frac, _ := strings.Cut(s, ".")
	if len(frac) > 6 || whole != "0" && whole != "1" {
		return 0, false
	}
	n, err := strconv.ParseUint((frac + "000000")[:6], 10, 32)
	if err != nil || whole == "1" && n != 0 {
		return 0, false
	}
	if whole == "1" {
		n = 1000000
	}
	return int64(n), true
}

// splitList splits a comma-separated list; an empty string is an empty list.
func splitList(s string) []string {
	var words []string
	for _, w := range strings.Split(s, ",") {
		if w = strings.TrimSpace(w); w != "" {
			words = append(words, w)
		}
	}
	return words
}

// The constructors of the tables below.

func boolConf(name, def string) confDef {
	return confDef{name: name, kind: kmsg.ConfigTypeBoolean, def: def}
}

func intConf(name, def string, min, max int64) confDef {
	return confDef{name: name, kind: kmsg.ConfigTypeInt, def: def, min: min, max: max}
}

func longConf(name, def string, min, max int64) confDef {
	return confDef{name: name, kind: kmsg.ConfigTypeLong, def: def, min: min, max: max}
}

func wordConf(name, def string, oneOf ...string) confDef {
	return confDef{name: name, kind: kmsg.ConfigTypeString, def: def, oneOf: oneOf}
}

func listConf(name, def string, oneOf ...string) confDef {
	return confDef{name: name, kind: kmsg.ConfigTypeList, def: def, oneOf: oneOf}
}

func ratioConf(name, def string) confDef {
	return confDef{name: name, kind: kmsg.ConfigTypeDouble, def: def}
}
