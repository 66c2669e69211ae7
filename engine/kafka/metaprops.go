package kafka

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// metaProperties is the file meta.properties of a volume: to which node of which
// cluster it belongs, and its own id (MetaProperties in Kafka, KIP-631, KIP-858).
type metaProperties struct {
	nodeID      int32
	clusterID   string
	directoryID [16]byte
}

const (
	metaPropertiesFile = "meta.properties"
	cleanShutdownFile  = ".kafka_cleanshutdown"
	partitionMetaFile  = "partition.metadata"
	checkpointFile     = "replication-offset-checkpoint"
)

func (m metaProperties) encode() []byte {
	return fmt.Appendf(nil, "#\nversion=1\nnode.id=%d\ncluster.id=%s\ndirectory.id=%s\n", m.nodeID, m.clusterID, encodeUUID(m.directoryID))
}

func parseMetaProperties(data []byte) (metaProperties, error) {
	m := metaProperties{nodeID: -1}
	props := parseProperties(data)
	if v := props["version"]; v != "1" {
		return m, fmt.Errorf("%s: version=%q, want 1", metaPropertiesFile, v)
	}
	n, err := strconv.ParseInt(props["node.id"], 10, 32)
	if err != nil {
		return m, fmt.Errorf("%s: node.id=%q is not a number", metaPropertiesFile, props["node.id"])
	}
	m.nodeID, m.clusterID = int32(n), props["cluster.id"]
	if m.directoryID, err = decodeUUID(props["directory.id"]); err != nil {
		return m, fmt.Errorf("%s: directory.id: %w", metaPropertiesFile, err)
	}
	return m, nil
}

// belongsTo tells why a volume must not be used by a node.
func (m metaProperties) belongsTo(nodeID int32, clusterID string) error {
	if m.clusterID != clusterID {
		return fmt.Errorf("%s: the volume belongs to cluster %s, this node to %s", metaPropertiesFile, m.clusterID, clusterID)
	}
	if m.nodeID != nodeID {
		return fmt.Errorf("%s: the volume belongs to node %d, this is node %d", metaPropertiesFile, m.nodeID, nodeID)
	}
	return nil
}

// parseProperties reads the plain part of Java's properties format.
func parseProperties(data []byte) map[string]string {
	props := map[string]string{}
	for _, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		k, v, _ := strings.Cut(line, "=")
		props[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	return props
}

// encodeUUID writes an id as Kafka prints it: base64 for URLs, 22 characters.
func encodeUUID(id [16]byte) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

func decodeUUID(s string) (id [16]byte, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != 16 {
		return id, fmt.Errorf("%q is not a 22-character base64 id", s)
	}
	return [16]byte(b), nil
}

// encodePartitionMeta is the file partition.metadata of a partition directory.
func encodePartitionMeta(id [16]byte) []byte {
	return fmt.Appendf(nil, "version: 0\ntopic_id: %s\n", encodeUUID(id))
}

// parsePartitionMeta tells which topic id a partition directory belongs to; ok is
// false for a file that is not whole.
func parsePartitionMeta(data []byte) (id [16]byte, ok bool) {
	version := false
	for _, line := range strings.Split(string(data), "\n") {
		k, v, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(k) {
		case "version":
			version = strings.TrimSpace(v) == "0"
		case "topic_id":
			var err error
			id, err = decodeUUID(strings.TrimSpace(v))
			ok = err == nil
		}
	}
	return id, ok && version
}

// encodeCleanShutdown is the marker of an orderly end: the broker epoch under
// which it happened (CleanShutdownFileHandler, KIP-966).
func encodeCleanShutdown(brokerEpoch int64) []byte {
	return fmt.Appendf(nil, `{"version":0,"brokerEpoch":%d}`, brokerEpoch)
}

// parseCleanShutdown returns the broker epoch in a marker, -1 if it says none.
func parseCleanShutdown(data []byte) int64 {
	_, rest, ok := strings.Cut(string(data), `"brokerEpoch":`)
	if !ok {
		return -1
	}
	rest = strings.TrimSpace(strings.TrimRight(strings.TrimSpace(rest), "}"))
	if i := strings.IndexByte(rest, ','); i >= 0 {
		rest = rest[:i]
	}
	n, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// partitionDir is the directory of a partition; parsePartitionDir reads it back.
func partitionDir(topic string, partition int32) string {
	return topic + "-" + strconv.Itoa(int(partition))
}

func parsePartitionDir(dir string) (topic string, partition int32, ok bool) {
	i := strings.LastIndexByte(dir, '-')
	if i <= 0 {
		return "", 0, false
	}
	n, err := strconv.ParseUint(dir[i+1:], 10, 31)
	if err != nil || dir != partitionDir(dir[:i], int32(n)) || !validTopicName(dir[:i]) {
		return "", 0, false
	}
	return dir[:i], int32(n), true
}

// validTopicName is Kafka's Topic.validate.
func validTopicName(name string) bool {
	if name == "" || name == "." || name == ".." || len(name) > 249 {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// internalTopic reports whether Kafka keeps a topic for itself (Topic.isInternal).
func internalTopic(name string) bool {
	return name == "__consumer_offsets" || name == "__transaction_state" || name == "__share_group_state"
}

const metadataTopic = "__cluster_metadata"
