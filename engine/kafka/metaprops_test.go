package kafka

import (
	"maps"
	"testing"
)

func TestMetaPropertiesComeBack(t *testing.T) {
	m := metaProperties{nodeID: 7, clusterID: "AAAAAAAAAAAAAAAAAAAAAQ", directoryID: [16]byte{1, 2, 3}}
	got, err := parseMetaProperties(m.encode())
	if err != nil || got != m {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := got.belongsTo(8, m.clusterID); err == nil {
		t.Error("another node's volume was taken")
	}
	if err := got.belongsTo(7, "other"); err == nil {
		t.Error("another cluster's volume was taken")
	}
	for _, bad := range []string{"", "version=0\n", "version=1\nnode.id=x\n", "version=1\nnode.id=1\ncluster.id=c\ndirectory.id=short\n"} {
		if _, err := parseMetaProperties([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestPartitionMetadataAsKafkaWritesIt(t *testing.T) {
	id := [16]byte{0xff, 1}
	got, ok := parsePartitionMeta(encodePartitionMeta(id))
	if !ok || got != id {
		t.Errorf("got %x %v", got, ok)
	}
	for _, bad := range []string{"", "version: 0\n", "version: 1\ntopic_id: " + encodeUUID(id) + "\n", "version: 0\ntopic_id: zz\n"} {
		if _, ok := parsePartitionMeta([]byte(bad)); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestPartitionDirectories(t *testing.T) {
	for dir, ok := range map[string]bool{"t-0": true, "a-b-12": true, "t-01": false, "t": false, "-1": false, "t--1": true,
		"t-0.0a-delete": false, "t-99999999999": false, "a b-0": false} {
		if topic, p, got := parsePartitionDir(dir); got != ok || got && partitionDir(topic, p) != dir {
			t.Errorf("%s: %q %d %v", dir, topic, p, got)
		}
	}
}

func TestCleanShutdownMarker(t *testing.T) {
	if got := parseCleanShutdown(encodeCleanShutdown(42)); got != 42 {
		t.Errorf("got %d", got)
	}
	if got := parseCleanShutdown([]byte(`{"brokerEpoch": 7, "version":0}`)); got != 7 {
		t.Errorf("got %d", got)
	}
	for _, bad := range []string{"", "{}", `{"version":0,"brokerEpoch":x}`} {
		if got := parseCleanShutdown([]byte(bad)); got != -1 {
			t.Errorf("%q gave %d", bad, got)
		}
	}
}

func TestCheckpointComesBackOrGivesNothing(t *testing.T) {
	hws := map[string]int64{"t-0": 5, "a-b-1": 0}
	data := encodeCheckpoint(hws)
	if string(data) != "0\n2\na-b 1 0\nt 0 5\n" {
		t.Errorf("file is %q", data)
	}
	if got := parseCheckpoint(data); !maps.Equal(got, hws) {
		t.Errorf("got %v", got)
	}
	for _, bad := range []string{"", "1\n0\n", "0\n2\nt 0 5\n", "0\n1\nt 0 x\n", "0\n1\nt 0\n", "0\n1\nt 0 -5\n"} {
		if got := parseCheckpoint([]byte(bad)); len(got) != 0 {
			t.Errorf("%q gave %v", bad, got)
		}
	}
}
