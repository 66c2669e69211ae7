// Package configs is the table of Kafka's topic configs and of the broker
// configs that may be changed at run time: types, defaults, validators, synonyms,
// and the look-up of the value in force.
//
// # Invariants
//
//   - the tables are sorted by name and never change
//   - a default passes its own validator
//
// Not here: storing configs (image), who may change them (control).
package configs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Def describes one config.
type Def struct {
	Name     string
	Type     kmsg.ConfigType
	Default  string
	Synonyms []Synonym // broker configs that give a topic config its default, nearest first

	min, max int64
	oneOf    []string // legal words; none: any
}

// Synonym is a broker config and the factor between its unit and the topic
// config's, as from hours to milliseconds.
type Synonym struct {
	Name   string
	Factor int64
}

const (
	maxInt  = 1<<31 - 1
	maxLong = 1<<63 - 1
	longMax = "9223372036854775807"

	hour   = 3600 * 1000
	minute = 60 * 1000
)

// Topic returns the definition of a topic config, nil if there is none.
func Topic(name string) *Def { return find(topicDefs, name) }

// Topics are all topic configs by name. Read only.
func Topics() []Def { return topicDefs }

// Broker returns the definition of a broker config that may be changed at run
// time, nil if there is none.
func Broker(name string) *Def { return find(brokerDefs, name) }

// Brokers are the broker configs that may be changed at run time, by name. Read only.
func Brokers() []Def { return brokerDefs }

func find(defs []Def, name string) *Def {
	lo, hi := 0, len(defs)
	for lo < hi {
		if mid := (lo + hi) / 2; defs[mid].Name < name {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(defs) && defs[lo].Name == name {
		return &defs[lo]
	}
	return nil
}

// Check says what is wrong with a value, nil if nothing.
func (d *Def) Check(value string) error {
	v := strings.TrimSpace(value)
	ok, want := true, ""
	switch d.Type {
	case kmsg.ConfigTypeBoolean:
		l := strings.ToLower(v)
		ok, want = l == "true" || l == "false", "true or false"
	case kmsg.ConfigTypeInt, kmsg.ConfigTypeLong:
		n, err := strconv.ParseInt(v, 10, 64)
		ok, want = err == nil && n >= d.min && n <= d.max, fmt.Sprintf("a whole number from %d to %d", d.min, d.max)
	case kmsg.ConfigTypeDouble:
		ok, want = isRatio(v), "a number from 0 to 1"
	case kmsg.ConfigTypeList:
		for _, w := range List(v) {
			ok = ok && d.allows(w)
		}
		want = "a list of " + strings.Join(d.oneOf, ", ")
	default:
		ok, want = d.allows(v), "one of "+strings.Join(d.oneOf, ", ")
	}
	if ok {
		return nil
	}
	return fmt.Errorf("invalid value %s for configuration %s: must be %s", value, d.Name, want)
}

func (d *Def) allows(word string) bool {
	for _, w := range d.oneOf {
		if w == word {
			return true
		}
	}
	return len(d.oneOf) == 0
}

// List splits a comma-separated value; an empty one is an empty list.
func List(v string) []string {
	var out []string
	for _, w := range strings.Split(v, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// isRatio accepts decimals in [0, 1] without an exponent; the engine has no floats.
func isRatio(s string) bool {
	whole, frac, _ := strings.Cut(s, ".")
	if whole == "" && frac == "" || strings.Trim(whole+frac, "0123456789") != "" {
		return false
	}
	switch strings.TrimLeft(whole, "0") {
	case "":
		return true
	case "1":
		return strings.Trim(frac, "0") == ""
	}
	return false
}

func flag(name, def string, syn ...Synonym) Def {
	return Def{Name: name, Type: kmsg.ConfigTypeBoolean, Default: def, Synonyms: syn}
}

func num(name, def string, min, max int64, syn ...Synonym) Def {
	return Def{Name: name, Type: kmsg.ConfigTypeInt, Default: def, min: min, max: max, Synonyms: syn}
}

func long(name, def string, min int64, syn ...Synonym) Def {
	return Def{Name: name, Type: kmsg.ConfigTypeLong, Default: def, min: min, max: maxLong, Synonyms: syn}
}

func word(name, def string, oneOf []string, syn ...Synonym) Def {
	return Def{Name: name, Type: kmsg.ConfigTypeString, Default: def, oneOf: oneOf, Synonyms: syn}
}

func list(name, def string, oneOf []string, syn ...Synonym) Def {
	return Def{Name: name, Type: kmsg.ConfigTypeList, Default: def, oneOf: oneOf, Synonyms: syn}
}

func ratio(name, def string, syn ...Synonym) Def {
	return Def{Name: name, Type: kmsg.ConfigTypeDouble, Default: def, Synonyms: syn}
}

func same(name string) Synonym { return Synonym{name, 1} }
