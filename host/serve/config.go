package serve

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"trial/engine"
	"trial/engine/kafka"
)

// Config says what cluster to run. The zero Config is one broker on a free
// loopback port with its data in a temporary directory.
type Config struct {
	// Brokers is their number, ids from 1; 1 if zero.
	Brokers int
	// Listen is the address of broker 1; broker k takes the port plus k - 1. Port 0
	// takes a free port for each. 127.0.0.1:0 if empty.
	Listen string
	// Advertise is the host that clients are told; the host of Listen if empty.
	Advertise string
	// Data is the directory of the cluster's data, node k in its folder nk. Empty: a
	// temporary directory that is removed at the end.
	Data string
	// Racks are the racks of the brokers, one each, or none.
	Racks []string
	// Settings are broker configs by Kafka's names.
	Settings map[string]string
	// Logger gets operators' lines; nil drops them.
	Logger *slog.Logger
	// Facts gets the nodes' facts, each from its node's event loop; nil: nobody reads.
	Facts func(engine.NodeID, engine.Fact)
}

// MaxBrokers bounds a cluster: more do not fit into one process.
const MaxBrokers = 50

// maxVoters bounds the metadata quorum; nodes beyond it are observers.
const maxVoters = 5

func (c *Config) normal() error {
	if c.Brokers == 0 {
		c.Brokers = 1
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.Brokers < 1 || c.Brokers > MaxBrokers {
		return fmt.Errorf("brokers = %d: a cluster has 1 to %d", c.Brokers, MaxBrokers)
	}
	host, port, err := splitListen(c.Listen)
	if err != nil {
		return err
	}
	if port != 0 && port+c.Brokers-1 > 65535 {
		return fmt.Errorf("listen %s: broker %d would need port %d, and ports end at 65535", c.Listen, c.Brokers, port+c.Brokers-1)
	}
	if c.Advertise == "" {
		c.Advertise = host
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			return fmt.Errorf("listen %s: clients cannot be told to connect to that; name a host they can reach with advertise", c.Listen)
		}
	}
	if len(c.Racks) != 0 && len(c.Racks) != c.Brokers {
		return fmt.Errorf("%d racks for %d brokers: name one rack a broker, or none", len(c.Racks), c.Brokers)
	}
	if err := kafka.Validate(c.Settings); err != nil {
		return err
	}
	return nil
}

func splitListen(addr string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		var ae *net.AddrError
		if errors.As(err, &ae) {
			err = errors.New(ae.Err)
		}
		return "", 0, fmt.Errorf("listen %q: %w; write host:port, as in 127.0.0.1:9092", addr, err)
	}
	if port, err = strconv.Atoi(p); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("listen %q: the port must be a number from 0 to 65535", addr)
	}
	return host, port, nil
}
