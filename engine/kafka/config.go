package kafka

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Config says who a broker is. Everything tunable is in Settings, under Kafka's
// own names.
type Config struct {
	NodeID    int32
	ClusterID string
	Listeners Listeners
	Voters    []Voter // of the metadata quorum; a node that is not in it is an observer
	// ControllerOnly is process.roles=controller: the node is a voter, hosts no
	// partitions, serves no clients and registers no broker.
	ControllerOnly bool
	Rack           string // broker.rack; empty for none
	Settings       map[string]string
	// Features are the feature levels that a fresh cluster is formatted with, where
	// they differ from the newest this engine has (kafka-storage format --feature).
	Features map[string]int16
	Mutant   string // a planted bug of package mutant, empty in every honest run
}

// Listeners are the addresses ("host:port") under which others reach the node.
type Listeners struct {
	Client     string // listener 0: clients and other brokers
	Controller string // listener 1: the metadata quorum and broker registration
}

// Voter is a member of the metadata quorum and its controller listener.
type Voter struct {
	ID   int32
	Addr string
}

// The listeners of a node, in the order of engine.ListenerID, by Kafka's names.
const (
	clientListener     = 0
	controllerListener = 1

	clientListenerName     = "PLAINTEXT"
	controllerListenerName = "CONTROLLER"
)

// Validate tells what is wrong with a configuration, all of it at once.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.NodeID < 0 {
		bad("node.id = %d: must be 0 or greater", c.NodeID)
	}
	if c.ClusterID == "" {
		bad("cluster id is empty: give the 22-character base64 id that all nodes of the cluster share")
	}
	if _, _, err := splitAddr(c.Listeners.Client); err != nil && !c.ControllerOnly {
		bad("client listener: %w", err)
	}
	if c.ControllerOnly && !c.isVoter() {
		bad("process.roles=controller: node %d must be among the voters of controller.quorum.voters", c.NodeID)
	}
	if _, _, err := splitAddr(c.Listeners.Controller); err != nil {
		bad("controller listener: %w", err)
	}
	if len(c.Voters) == 0 {
		bad("controller.quorum.voters is empty: name at least one voter as id@host:port")
	}
	seen := map[int32]bool{}
	for _, v := range c.Voters {
		if _, _, err := splitAddr(v.Addr); err != nil {
			bad("voter %d: %w", v.ID, err)
		}
		if v.ID < 0 || seen[v.ID] {
			bad("voter %d: ids must be distinct and not negative", v.ID)
		}
		seen[v.ID] = true
	}
	if err := Validate(c.Settings); err != nil {
		errs = append(errs, err)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Features)) {
		if f := lookupFeature(name); f == nil {
			bad("feature %s: no such feature of this engine", name)
		} else if level := c.Features[name]; level < f.min || level > f.max {
			bad("feature %s = %d: must be from %d to %d", name, level, f.min, f.max)
		}
	}
	return errors.Join(errs...)
}

func (c Config) isVoter() bool {
	for _, v := range c.Voters {
		if v.ID == c.NodeID {
			return true
		}
	}
	return false
}

// splitAddr takes "host:port" apart; an IPv6 host stands in brackets.
func splitAddr(addr string) (host string, port int32, err error) {
	i := strings.LastIndexByte(addr, ':')
	if i < 0 {
		return "", 0, fmt.Errorf("address %q: write host:port", addr)
	}
	host = addr[:i]
	if inner, ok := strings.CutPrefix(host, "["); ok {
		if host, ok = strings.CutSuffix(inner, "]"); !ok {
			return "", 0, fmt.Errorf("address %q: the bracket is not closed", addr)
		}
	} else if strings.Contains(host, ":") {
		return "", 0, fmt.Errorf("address %q: write an IPv6 host in brackets", addr)
	}
	n, err := strconv.ParseUint(addr[i+1:], 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("address %q: the port must be a number from 1 to 65535", addr)
	}
	if strings.TrimSpace(host) == "" {
		return "", 0, fmt.Errorf("address %q: name a host that others can reach", addr)
	}
	return host, int32(n), nil
}

func joinAddr(host string, port int32) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(port))
}
