package kafka

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"trial/clock"
	"trial/engine/kafka/control/configs"
	"trial/internal/spell"
)

// Validate checks broker configurations: every key must be one that the engine
// honours, every value legal. All faults are reported, sorted by key.
func Validate(settings map[string]string) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		d := configs.Setting(name)
		if d == nil {
			errs = append(errs, fmt.Errorf("%s: no such setting of this broker%s", name, suggest(name)))
			continue
		}
		if want, ok := d.Want(settings[name]); !ok {
			errs = append(errs, fmt.Errorf("%s = %q: must be %s", name, settings[name], want))
		}
	}
	if len(errs) == 0 {
		errs = append(errs, checkTogether(settings)...)
	}
	return errors.Join(errs...)
}

// checkTogether holds the rules between keys (AbstractKafkaConfig.validateValues).
func checkTogether(settings map[string]string) []error {
	s := brokerSettings(settings)
	var errs []error
	if s.long("broker.heartbeat.interval.ms") > s.long("broker.session.timeout.ms")/2 {
		errs = append(errs, fmt.Errorf("broker.heartbeat.interval.ms = %d: must be at most half of broker.session.timeout.ms = %d",
			s.long("broker.heartbeat.interval.ms"), s.long("broker.session.timeout.ms")))
	}
	if s.long("replica.fetch.wait.max.ms") > s.long("replica.socket.timeout.ms") {
		errs = append(errs, fmt.Errorf("replica.fetch.wait.max.ms = %d: must not be above replica.socket.timeout.ms = %d",
			s.long("replica.fetch.wait.max.ms"), s.long("replica.socket.timeout.ms")))
	}
	if s.long("replica.fetch.wait.max.ms") > s.long("replica.lag.time.max.ms") {
		errs = append(errs, fmt.Errorf("replica.fetch.wait.max.ms = %d: must not be above replica.lag.time.max.ms = %d, or followers leave the ISR for waiting",
			s.long("replica.fetch.wait.max.ms"), s.long("replica.lag.time.max.ms")))
	}
	return errs
}

// suggest names the known key that is nearest to an unknown one.
func suggest(name string) string {
	if t := configs.Topic(name); t != nil && len(t.Synonyms) > 0 {
		return fmt.Sprintf("; %s is a topic configuration, the broker's default for it is %s", name, t.Synonyms[0].Name)
	}
	best, dist := "", len(name)/3+1
	for _, known := range configs.Brokers() {
		if d := spell.Distance(name, known.Name); d < dist && !known.Inert {
			best, dist = known.Name, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// ParseSettings reads settings from lines of Kafka's properties syntax
// (key=value, # comments) and validates them.
func ParseSettings(text string) (map[string]string, error) {
	settings := map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("line %d: %q: write key=value", i+1, line)
		}
		settings[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return settings, Validate(settings)
}

// brokerSettings are validated settings; what is absent has Kafka's default.
type brokerSettings map[string]string

// str returns the value of a known key.
func (s brokerSettings) str(name string) string {
	if v, ok := s[name]; ok {
		return strings.TrimSpace(v)
	}
	return configs.Setting(name).Default
}

func (s brokerSettings) long(name string) int64 {
	n, _ := strconv.ParseInt(s.str(name), 10, 64)
	return n
}

func (s brokerSettings) ms(name string) clock.Duration { return clock.Ms(s.long(name)) }

func (s brokerSettings) bool(name string) bool { return strings.EqualFold(s.str(name), "true") }
