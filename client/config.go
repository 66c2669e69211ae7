package client

import (
	"errors"

	"trial/clock"
)

// Config is what every client of a cluster needs. The fields carry Kafka's
// names; DefaultConfig has Kafka's defaults.
type Config struct {
	// BootstrapServers are "host:port" addresses; some may be dead.
	BootstrapServers []string
	ClientID         string
	// Stream is the prefix of the names of the random streams that this client
	// draws from, so that two clients of one program do not share draws.
	Stream string

	ReconnectBackoff       clock.Duration // reconnect.backoff.ms
	ReconnectBackoffMax    clock.Duration // reconnect.backoff.max.ms
	ConnectionSetupTimeout clock.Duration // socket.connection.setup.timeout.ms
	RequestTimeout         clock.Duration // request.timeout.ms
	RetryBackoff           clock.Duration // retry.backoff.ms
	RetryBackoffMax        clock.Duration // retry.backoff.max.ms
	MetadataMaxAge         clock.Duration // metadata.max.age.ms
	AllowAutoTopicCreation bool           // allow.auto.create.topics
	ClientSoftwareName     string
	ClientSoftwareVersion  string
	MaxVersions            []VersionCap // caps on what is negotiated
}

// VersionCap keeps the version of one API key at or below Max.
type VersionCap struct{ Key, Max int16 }

// DefaultConfig returns Kafka's defaults.
func DefaultConfig(bootstrap ...string) Config {
	return Config{
		BootstrapServers:       bootstrap,
		ClientID:               "trial",
		Stream:                 "client",
		ReconnectBackoff:       50 * clock.Millisecond,
		ReconnectBackoffMax:    1000 * clock.Millisecond,
		ConnectionSetupTimeout: 10 * clock.Second,
		RequestTimeout:         30 * clock.Second,
		RetryBackoff:           100 * clock.Millisecond,
		RetryBackoffMax:        1000 * clock.Millisecond,
		MetadataMaxAge:         5 * clock.Minute,
		AllowAutoTopicCreation: true,
		ClientSoftwareName:     "trial",
		ClientSoftwareVersion:  "1.0",
	}
}

// Validate reports the first setting that makes no sense.
func (c Config) Validate() error {
	switch {
	case len(c.BootstrapServers) == 0:
		return errors.New("bootstrap.servers is empty")
	case c.RequestTimeout <= 0:
		return errors.New("request.timeout.ms must be positive")
	case c.ConnectionSetupTimeout <= 0:
		return errors.New("socket.connection.setup.timeout.ms must be positive")
	case c.ReconnectBackoff < 0 || c.ReconnectBackoffMax < c.ReconnectBackoff:
		return errors.New("reconnect.backoff.ms must lie between 0 and reconnect.backoff.max.ms")
	case c.RetryBackoff < 0 || c.RetryBackoffMax < c.RetryBackoff:
		return errors.New("retry.backoff.ms must lie between 0 and retry.backoff.max.ms")
	case c.MetadataMaxAge <= 0:
		return errors.New("metadata.max.age.ms must be positive")
	}
	return nil
}

// cap returns the highest version of key that the configuration allows, at most max.
func (c *Config) cap(key, max int16) int16 {
	for _, v := range c.MaxVersions {
		if v.Key == key && v.Max < max {
			max = v.Max
		}
	}
	return max
}
