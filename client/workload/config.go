package workload

import (
	"fmt"
	"strconv"
	"strings"

	"trial/client"
	"trial/clock"
)

// Role is what a client does.
type Role int

// The roles.
const (
	Setup    Role = iota + 1 // creates the topics
	Producer                 // sends records
	Consumer                 // reads from the beginning, again and again
	Lister                   // asks for first and last offsets
	Admin                    // creates, alters and deletes topics beside the main ones
	Dumper                   // reads everything once, at the end
)

var roleNames = [...]string{Setup: "setup", Producer: "producer", Consumer: "consumer", Lister: "lister", Admin: "admin", Dumper: "dumper"}

// String is the role's name in a plan.
func (r Role) String() string {
	if r < Setup || r > Dumper {
		return "role" + strconv.Itoa(int(r))
	}
	return roleNames[r]
}

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	for r := Setup; r <= Dumper; r++ {
		if roleNames[r] == s {
			return r, nil
		}
	}
	return 0, fmt.Errorf("role %q is none of %s", s, strings.Join(roleNames[1:], ", "))
}

// How a producer spreads its records over partitions.
const (
	SpreadUniform = iota // any partition
	SpreadTurns          // one after the other
	SpreadHot            // every other record to the first partition of the first topic
	SpreadKeys           // by murmur2 of one of Keys keys
)

// Config says what one client does. Plain integers, so that a plan can print,
// parse and shrink it: see Fields. Zero means Kafka's default where there is one.
type Config struct {
	Role Role

	Topics     int // the topics TopicName(0) .. TopicName(Topics-1)
	Partitions int // of each

	StartMs int // when to begin, since the start of the timeline
	UntilMs int // when to begin nothing new; 0 never

	// Setup.
	Replicas      int
	MinISR        int
	Unclean       int // unclean.leader.election.enable
	SegmentBytes  int
	SegmentMs     int
	FlushMessages int
	MaxMessage    int // max.message.bytes

	// Producer.
	Rate           int // records per second
	Records        int // to send in one life; 0: no bound
	RecordBytes    int // size of a value
	Spread         int
	Keys           int
	Acks           int // -1 all
	Idempotent     int
	MaxInFlight    int
	BatchBytes     int
	LingerMs       int // -1: Kafka's default
	MaxOutstanding int // records without a result; beyond it the producer waits
	Sync           int // 1: the next record only after the callback of the one before
	DeliveryMs     int // delivery.timeout.ms
	FirstTogether  int // 1: as the Java client, see client.ProducerConfig.FirstBatchAlone

	Codec client.Codec // compression.type of a producer, printed by its name

	// Consumer, Dumper.
	SessionMs      int // begin again from the start after so long; 0 never
	FetchWaitMs    int
	FetchBytes     int
	PartitionBytes int
	MaxPoll        int
	Committed      int // isolation level read_committed; Lister: ask for both

	// Lister, Admin.
	EveryMs int

	// Admin: 1: a new topic gets the name of a deleted one, if there is one, and as
	// many records as Records says, of which the history knows nothing.
	Reuse int

	// Dumper.
	GiveUpMs int // time for one partition before it says why it failed

	// All.
	RequestMs     int // request.timeout.ms
	RetryMs       int // retry.backoff.ms
	ReconnectMs   int // reconnect.backoff.max.ms
	MetadataAgeMs int // metadata.max.age.ms
}

// Default returns the defaults of a role.
func Default(role Role) Config {
	return Config{
		Role: role, Topics: 1, Partitions: 1, Replicas: 3, MinISR: 2,
		Rate: 10, RecordBytes: 100, Acks: -1, Idempotent: 1, MaxInFlight: 5, LingerMs: -1, MaxOutstanding: 1000,
		EveryMs: 500, GiveUpMs: 60_000,
	}
}

// TopicName names the i-th main topic: t, u, v, w, x, y, z, t7, t8 ...
func TopicName(i int) string {
	if i < 7 {
		return string(rune('t' + i))
	}
	return "t" + strconv.Itoa(i)
}

// Field is one setting of a Config under the name it has in a plan.
type Field struct {
	Name  string
	Value *int
}

// Fields lists all numbers, which is all but Role and Codec, in the order in which a plan prints them.
func (c *Config) Fields() []Field {
	return []Field{
		{"topics", &c.Topics}, {"partitions", &c.Partitions}, {"start.ms", &c.StartMs}, {"until.ms", &c.UntilMs},
		{"replicas", &c.Replicas}, {"min.isr", &c.MinISR}, {"unclean", &c.Unclean}, {"segment.bytes", &c.SegmentBytes},
		{"segment.ms", &c.SegmentMs}, {"flush.messages", &c.FlushMessages}, {"max.message.bytes", &c.MaxMessage},
		{"rate", &c.Rate}, {"records", &c.Records}, {"record.bytes", &c.RecordBytes}, {"spread", &c.Spread}, {"keys", &c.Keys},
		{"acks", &c.Acks}, {"idempotent", &c.Idempotent}, {"max.in.flight", &c.MaxInFlight}, {"batch.bytes", &c.BatchBytes},
		{"linger.ms", &c.LingerMs}, {"max.outstanding", &c.MaxOutstanding}, {"sync", &c.Sync},
		{"delivery.ms", &c.DeliveryMs}, {"first.together", &c.FirstTogether},
		{"session.ms", &c.SessionMs}, {"fetch.wait.ms", &c.FetchWaitMs}, {"fetch.bytes", &c.FetchBytes},
		{"partition.bytes", &c.PartitionBytes}, {"max.poll", &c.MaxPoll}, {"committed", &c.Committed},
		{"every.ms", &c.EveryMs}, {"reuse", &c.Reuse}, {"give.up.ms", &c.GiveUpMs},
		{"request.ms", &c.RequestMs}, {"retry.ms", &c.RetryMs}, {"reconnect.ms", &c.ReconnectMs}, {"metadata.age.ms", &c.MetadataAgeMs},
	}
}

// String prints the role and every setting that is not the role's default, as
// Parse reads it: "producer rate=50 acks=1".
func (c Config) String() string {
	d := Default(c.Role)
	var b strings.Builder
	b.WriteString(c.Role.String())
	mine, theirs := c.Fields(), d.Fields()
	for i := range mine {
		if *mine[i].Value != *theirs[i].Value {
			fmt.Fprintf(&b, " %s=%d", mine[i].Name, *mine[i].Value)
		}
	}
	if c.Codec != d.Codec {
		b.WriteString(" codec=" + c.Codec.String())
	}
	return b.String()
}

// Parse reads what String printed. An unknown name is an error.
func Parse(s string) (Config, error) {
	words := strings.Fields(s)
	if len(words) == 0 {
		return Config{}, fmt.Errorf("a client needs a role")
	}
	role, err := ParseRole(words[0])
	if err != nil {
		return Config{}, err
	}
	c := Default(role)
	for _, w := range words[1:] {
		if err := c.set(w); err != nil {
			return Config{}, fmt.Errorf("client %s: %w", role, err)
		}
	}
	return c, nil
}

func (c *Config) set(word string) error {
	name, value, ok := strings.Cut(word, "=")
	if !ok {
		return fmt.Errorf("%q: write name=number", word)
	}
	if name == "codec" {
		if c.Codec, ok = client.ParseCodec(value); !ok {
			return fmt.Errorf("codec: %q is none of %s", value, strings.Join(client.CodecNames(), ", "))
		}
		return nil
	}
	for _, f := range c.Fields() {
		if f.Name == name {
			n, err := strconv.Atoi(value)
			if err != nil {
				return fmt.Errorf("%s: %q is not a number", name, value)
			}
			*f.Value = n
			return nil
		}
	}
	return fmt.Errorf("no setting is called %q", name)
}

// normal replaces what no client could run with by the nearest that one can.
func (c Config) normal() Config {
	c.Topics, c.Partitions = max(c.Topics, 1), max(c.Partitions, 1)
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = 5
	}
	if c.Acks != -1 {
		c.Idempotent = 0
	}
	if c.Idempotent != 0 {
		c.MaxInFlight = min(c.MaxInFlight, 5)
	}
	if c.MaxOutstanding <= 0 {
		c.MaxOutstanding = 1000
	}
	if c.EveryMs <= 0 {
		c.EveryMs = 500
	}
	if c.GiveUpMs <= 0 {
		c.GiveUpMs = 60_000
	}
	c.Keys = max(c.Keys, 1)
	return c
}

func setMs(d *clock.Duration, ms int) {
	if ms > 0 {
		*d = clock.Ms(int64(ms))
	}
}

// base fills what every client of the role shares.
func (c *Config) base(run *Run, base *client.Config) {
	base.ClientID = c.Role.String()
	base.AllowAutoTopicCreation = false // topics are made by Setup, with the settings of the plan
	setMs(&base.RequestTimeout, c.RequestMs)
	setMs(&base.RetryBackoff, c.RetryMs)
	if base.RetryBackoffMax < base.RetryBackoff {
		base.RetryBackoffMax = base.RetryBackoff
	}
	setMs(&base.ReconnectBackoffMax, c.ReconnectMs)
	if base.ReconnectBackoffMax < base.ReconnectBackoff {
		base.ReconnectBackoff = base.ReconnectBackoffMax
	}
	setMs(&base.MetadataMaxAge, c.MetadataAgeMs)
	if base.ConnectionSetupTimeout > base.RequestTimeout {
		base.ConnectionSetupTimeout = base.RequestTimeout
	}
	base.MaxVersions = run.MaxVersions
}
