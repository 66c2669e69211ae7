package kafka

import (
	"strings"
	"testing"
)

func TestSettingsAreRefusedWithTheKeyAndWhatWouldBeRight(t *testing.T) {
	for _, c := range []struct{ key, value, want string }{
		{"num.partitions", "0", "num.partitions = \"0\": must be a whole number from 1 to 2147483647"},
		{"num.partitions", "many", "must be a whole number"},
		{"auto.create.topics.enable", "yes", "must be true or false"},
		{"log.cleanup.policy", "delete,shred", "must be a list of compact, delete"},
		{"compression.type", "brotli", "must be one of uncompressed, zstd, lz4, snappy, gzip, producer"},
		{"log.cleaner.min.cleanable.ratio", "1.5", "must be a number from 0 to 1"},
		{"num.partition", "3", "did you mean num.partitions?"},
		{"retention.ms", "3", "the broker's default for it is log.retention.ms"},
		{"zookeeper.connect", "x", "zookeeper.connect: no such setting"},
		{"num.io.threads", "4", "num.io.threads: no such setting"},
		{"broker.heartbeat.interval.ms", "5000", "must be at most half of broker.session.timeout.ms = 9000"},
		{"replica.lag.time.max.ms", "400", "replica.fetch.wait.max.ms = 500: must not be above replica.lag.time.max.ms = 400"},
	} {
		err := Validate(map[string]string{c.key: c.value})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v, want %q", c.key, c.value, err, c.want)
		}
	}
}

func TestWithoutSettingsAllIsLegal(t *testing.T) {
	if err := Validate(nil); err != nil {
		t.Error(err)
	}
}

func TestParseSettings(t *testing.T) {
	got, err := ParseSettings("# comment\n\nnum.partitions = 3\nlog.retention.hours=1\n")
	if err != nil || got["num.partitions"] != "3" || got["log.retention.hours"] != "1" || len(got) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := ParseSettings("num.partitions=3\nnonsense\n"); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a line without = gave %v", err)
	}
}

func TestConfigNamesEverythingThatIsWrong(t *testing.T) {
	err := Config{NodeID: -1, Listeners: Listeners{"a", "b:99999"}, Voters: []Voter{{1, "x:1"}, {1, ":2"}},
		Features: map[string]int16{"metadata.version": 7, "colour": 1}}.Validate()
	for _, want := range []string{"node.id = -1", "cluster id is empty", "write host:port", "from 1 to 65535", "distinct", "name a host", "metadata.version = 7", "colour"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in: %v", want, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for addr, want := range map[string]struct {
		host string
		port int32
	}{"n1:9092": {"n1", 9092}, "[::1]:1": {"::1", 1}, "10.0.0.1:65535": {"10.0.0.1", 65535}} {
		host, port, err := splitAddr(addr)
		if err != nil || host != want.host || port != want.port {
			t.Errorf("%s: %q %d %v", addr, host, port, err)
		}
		if joinAddr(host, port) != addr {
			t.Errorf("%s came back as %s", addr, joinAddr(host, port))
		}
	}
	for _, addr := range []string{"", "host", ":1", "::1:9", "[::1:9", "h:0", "h:65536", "h:x"} {
		if _, _, err := splitAddr(addr); err == nil {
			t.Errorf("%q was taken", addr)
		}
	}
}
