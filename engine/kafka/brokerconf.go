package kafka

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"trial/clock"
	"trial/engine/kafka/control/configs"
)

// internalSegmentBytes overrides segment.bytes below its floor of 1 MiB for all
// topics of a broker, for tests that need many segments (Kafka has it as a topic
// configuration). As in Kafka it is not shown by DescribeConfigs.
const internalSegmentBytes = "internal.segment.bytes"

const maxLong = "9223372036854775807"

// brokerDefs are the broker configurations that the engine honours, by Kafka's
// names and with Kafka's defaults, sorted by name. A key that Kafka knows and
// this engine does not honour is refused rather than ignored.
var brokerDefs = []confDef{
	boolConf("auto.create.topics.enable", "true"),
	longConf("broker.heartbeat.interval.ms", "2000", 1, maxInt32),
	longConf("broker.session.timeout.ms", "9000", 1, maxInt32),
	intConf("compression.gzip.level", "-1", -1, 9),
	intConf("compression.lz4.level", "9", 1, 17),
	wordConf("compression.type", "producer", "uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
	intConf("compression.zstd.level", "3", -131072, 22),
	longConf("controller.quorum.append.linger.ms", "25", 0, maxInt32),
	longConf("controller.quorum.election.backoff.max.ms", "1000", 0, maxInt32),
	longConf("controller.quorum.election.timeout.ms", "1000", 1, maxInt32),
	longConf("controller.quorum.fetch.timeout.ms", "2000", 1, maxInt32),
	longConf("controller.quorum.request.timeout.ms", "2000", 1, maxInt32),
	longConf("controller.quorum.retry.backoff.ms", "20", 0, maxInt32),
	intConf("default.replication.factor", "1", 1, 32767),
	intConf("fetch.max.bytes", "57671680", 1024, maxInt32),
	longConf("initial.broker.registration.timeout.ms", "60000", 1, maxInt32),
	intConf(internalSegmentBytes, "", 1, maxInt32),
	longConf("log.cleaner.delete.retention.ms", "86400000", 0, maxInt64),
	longConf("log.cleaner.max.compaction.lag.ms", maxLong, 1, maxInt64),
	ratioConf("log.cleaner.min.cleanable.ratio", "0.5"),
	longConf("log.cleaner.min.compaction.lag.ms", "0", 0, maxInt64),
	listConf("log.cleanup.policy", "delete", "compact", "delete"),
	longConf("log.flush.interval.messages", maxLong, 1, maxInt64),
	longConf("log.flush.interval.ms", "", 0, maxInt64),
	longConf("log.flush.scheduler.interval.ms", maxLong, 0, maxInt64),
	intConf("log.index.interval.bytes", "4096", 0, maxInt32),
	intConf("log.index.size.max.bytes", "10485760", 4, maxInt32),
	longConf("log.local.retention.bytes", "-2", -2, maxInt64),
	longConf("log.local.retention.ms", "-2", -2, maxInt64),
	longConf("log.message.timestamp.after.max.ms", "3600000", 0, maxInt64),
	longConf("log.message.timestamp.before.max.ms", maxLong, 0, maxInt64),
	wordConf("log.message.timestamp.type", "CreateTime", "CreateTime", "LogAppendTime"),
	boolConf("log.preallocate", "false"),
	longConf("log.retention.bytes", "-1", -1, maxInt64),
	intConf("log.retention.hours", "168", -1, maxInt32),
	intConf("log.retention.minutes", "", -1, maxInt32),
	longConf("log.retention.ms", "", -1, maxInt64),
	intConf("log.roll.hours", "168", 1, maxInt32),
	intConf("log.roll.jitter.hours", "0", 0, maxInt32),
	longConf("log.roll.jitter.ms", "", 0, maxInt64),
	longConf("log.roll.ms", "", 1, maxInt64),
	intConf("log.segment.bytes", "1073741824", 1024*1024, maxInt32),
	longConf("log.segment.delete.delay.ms", "60000", 0, maxInt64),
	intConf("message.max.bytes", "1048588", 0, maxInt32),
	longConf("metadata.max.idle.interval.ms", "500", 0, maxInt32),
	intConf("min.insync.replicas", "1", 1, maxInt32),
	intConf("num.partitions", "1", 1, maxInt32),
	longConf("replica.fetch.backoff.ms", "1000", 0, maxInt32),
	intConf("replica.fetch.max.bytes", "1048576", 0, maxInt32),
	intConf("replica.fetch.min.bytes", "1", 0, maxInt32),
	intConf("replica.fetch.response.max.bytes", "10485760", 0, maxInt32),
	longConf("replica.fetch.wait.max.ms", "500", 0, maxInt32),
	longConf("replica.high.watermark.checkpoint.interval.ms", "5000", 1, maxInt32),
	longConf("replica.lag.time.max.ms", "30000", 1, maxInt64),
	longConf("replica.socket.timeout.ms", "30000", 1, maxInt32),
	longConf("request.timeout.ms", "30000", 1, maxInt32),
	boolConf("unclean.leader.election.enable", "false"),
}

func lookupBrokerDef(name string) *confDef {
	i := sort.Search(len(brokerDefs), func(i int) bool { return brokerDefs[i].name >= name })
	if i < len(brokerDefs) && brokerDefs[i].name == name {
		return &brokerDefs[i]
	}
	return nil
}

// Validate checks broker configurations: every key must be one that the engine
// honours, every value legal. All faults are reported, sorted by key.
func Validate(settings map[string]string) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		d := lookupBrokerDef(name)
		if d == nil {
			errs = append(errs, fmt.Errorf("%s: no such setting of this broker%s", name, suggest(name)))
			continue
		}
		if err := d.check(settings[name]); err != nil {
			errs = append(errs, err)
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
	for i := range brokerDefs {
		if d := editDistance(name, brokerDefs[i].name); d < dist {
			best, dist = brokerDefs[i].name, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diag
			if a[i-1] != b[j-1] {
				cost++
			}
			diag = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
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
	return lookupBrokerDef(name).def
}

func (s brokerSettings) long(name string) int64 {
	n, _ := strconv.ParseInt(s.str(name), 10, 64)
	return n
}

func (s brokerSettings) ms(name string) clock.Duration { return clock.Ms(s.long(name)) }

func (s brokerSettings) bool(name string) bool { return strings.EqualFold(s.str(name), "true") }
