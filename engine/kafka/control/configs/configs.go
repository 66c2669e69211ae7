// Package configs holds the tables of Kafka's topic and broker configs: types,
// defaults, validators, synonyms, and the look-up of the value in force.
//
// # Invariants
//
//   - the tables are sorted by name and never change
//   - a default passes its own validator
//   - whatever a topic config inherits from is in the table of broker configs
//
// Not here: storing configs (image), who may change them (control), rules between
// two settings of a broker and the files they come from (kafka).
package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Def describes one config.
type Def struct {
	Name     string
	Type     kmsg.ConfigType
	Default  string    // see HasDefault
	Synonyms []Synonym // broker configs that give a topic config its default, nearest first

	// Internal: shown by DescribeConfigs only where it is set (ConfigDef.defineInternal).
	Internal bool
	// Dynamic: a broker config that may be changed at run time.
	Dynamic bool
	// Inert: a broker config that tunes what this engine does not have, such as a
	// number of threads. It is taken at run time, as Kafka's tools expect, but is no
	// setting of a broker.
	Inert bool

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

// Broker returns the definition of a broker config, nil if there is none.
func Broker(name string) *Def { return find(brokerDefs, name) }

// Brokers are the broker configs by name. Read only.
func Brokers() []Def { return brokerDefs }

// Dynamic returns the definition of a broker config that may be changed at run
// time, nil if there is none.
func Dynamic(name string) *Def {
	if d := Broker(name); d != nil && d.Dynamic {
		return d
	}
	return nil
}

// Setting returns the definition of a broker config that a broker can be started
// with, nil if there is none.
func Setting(name string) *Def {
	if d := Broker(name); d != nil && !d.Inert {
		return d
	}
	return nil
}

// Alternatives are the names under which a broker config may be set, nearest
// first (DynamicBrokerConfig.brokerConfigSynonyms).
func Alternatives(name string) []string {
	switch name {
	case "log.roll.ms", "log.roll.hours":
		return []string{"log.roll.ms", "log.roll.hours"}
	case "log.roll.jitter.ms", "log.roll.jitter.hours":
		return []string{"log.roll.jitter.ms", "log.roll.jitter.hours"}
	case "log.flush.interval.ms":
		return []string{"log.flush.interval.ms", "log.flush.scheduler.interval.ms"}
	case "log.retention.ms", "log.retention.minutes", "log.retention.hours":
		return []string{"log.retention.ms", "log.retention.minutes", "log.retention.hours"}
	}
	return []string{name}
}

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

// HasDefault reports whether a config that nobody sets has a value. An empty list
// is one, an empty number is Kafka's null.
func (d *Def) HasDefault() bool { return d.Default != "" || d.Type == kmsg.ConfigTypeList }

// Want says what a value would have to be; ok if it is.
func (d *Def) Want(value string) (want string, ok bool) {
	v := strings.TrimSpace(value)
	switch d.Type {
	case kmsg.ConfigTypeBoolean:
		l := strings.ToLower(v)
		return "true or false", l == "true" || l == "false"
	case kmsg.ConfigTypeInt, kmsg.ConfigTypeLong:
		n, err := strconv.ParseInt(v, 10, 64)
		return fmt.Sprintf("a whole number from %d to %d", d.min, d.max), err == nil && n >= d.min && n <= d.max
	case kmsg.ConfigTypeDouble:
		return "a number from 0 to 1, such as 0.5", isRatio(v)
	case kmsg.ConfigTypeList:
		return "a list of " + strings.Join(d.oneOf, ", "), !slices.ContainsFunc(List(v), func(w string) bool { return !d.allows(w) })
	}
	return "one of " + strings.Join(d.oneOf, ", "), d.allows(v)
}

// Check says what is wrong with a value that somebody asks for, nil if nothing.
func (d *Def) Check(value string) error {
	if want, ok := d.Want(value); !ok {
		return fmt.Errorf("invalid value %s for configuration %s: must be %s", value, d.Name, want)
	}
	return nil
}

func (d *Def) allows(word string) bool { return len(d.oneOf) == 0 || slices.Contains(d.oneOf, word) }

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

// upTo narrows the range of a number.
func upTo(max int64, d Def) Def {
	d.max = max
	return d
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

// atRunTime marks broker configs that may be changed at run time.
func atRunTime(d Def) Def {
	d.Dynamic = true
	return d
}

// inert marks what may be changed at run time without effect on this engine.
func inert(d Def) Def {
	d.Dynamic, d.Inert = true, true
	return d
}

func internal(d Def) Def {
	d.Internal = true
	return d
}

func same(name string) Synonym { return Synonym{name, 1} }
