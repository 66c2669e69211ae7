// Package bytestest builds record batches, metadata records and simulated disks
// for the tests of the judges.
//
// # Invariants
//
//   - it is imported by tests only
//
// Not here: decoding.
package bytestest

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"trial/checks"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Batch returns one uncompressed v2 batch with the values as records.
func Batch(base int64, epoch int32, values ...[]byte) []byte {
	return BatchOf(base, epoch, 0, values...)
}

// BatchOf is Batch with attributes.
func BatchOf(base int64, epoch int32, attributes int16, values ...[]byte) []byte {
	var recs []byte
	for i, v := range values {
		var body []byte
		body = append(body, 0)
		body = binary.AppendVarint(body, 0)
		body = binary.AppendVarint(body, int64(i))
		body = binary.AppendVarint(body, -1)
		body = binary.AppendVarint(body, int64(len(v)))
		body = append(body, v...)
		body = binary.AppendVarint(body, 0)
		recs = binary.AppendVarint(recs, int64(len(body)))
		recs = append(recs, body...)
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(base))
	b = binary.BigEndian.AppendUint32(b, uint32(49+len(recs)))
	b = binary.BigEndian.AppendUint32(b, uint32(epoch))
	b = append(b, 2, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(attributes))
	b = binary.BigEndian.AppendUint32(b, uint32(len(values)-1))
	b = append(b, make([]byte, 16)...)                              // timestamps
	b = append(b, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255) // no producer
	b = append(b, 255, 255, 255, 255)                               // no sequence
	b = binary.BigEndian.AppendUint32(b, uint32(len(values)))
	b = append(b, recs...)
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b
}

// Strings turns strings into values.
func Strings(s ...string) [][]byte {
	var v [][]byte
	for _, x := range s {
		v = append(v, []byte(x))
	}
	return v
}

// Disk is a checks.Disk in memory: node -> path -> content, one volume.
type Disk map[int32]map[string][]byte

// Files lists a node's files.
func (d Disk) Files(node int32) []checks.FileRef {
	var list []checks.FileRef
	for path, data := range d[node] { // unordered: sorted below, paths differ
		list = append(list, checks.FileRef{Path: path, Size: int64(len(data))})
	}
	slices.SortStableFunc(list, func(a, b checks.FileRef) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// Read returns a file's content.
func (d Disk) Read(node int32, f checks.FileRef) []byte { return d[node][f.Path] }

// Put writes the first segment of a log.
func (d Disk) Put(node int32, dir string, batches ...[]byte) {
	if d[node] == nil {
		d[node] = map[string][]byte{}
	}
	d[node][Path(dir)] = slices.Concat(batches...)
}

// Path is the path of the first segment of a log.
func Path(dir string) string { return fmt.Sprintf("%s/%020d.log", dir, 0) }

// frame begins a metadata record.
func frame(kind, version uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint([]byte{1}, kind), version)
}

func i32(b []byte, v int32) []byte { return binary.BigEndian.AppendUint32(b, uint32(v)) }

func i32s(b []byte, list []int32) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)+1))
	for _, v := range list {
		b = i32(b, v)
	}
	return b
}

func str(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s)+1)), s...)
}

// Topic is a TopicRecord.
func Topic(name string, id [16]byte) []byte {
	return append(append(str(frame(2, 0), name), id[:]...), 0)
}

// RemoveTopic is a RemoveTopicRecord.
func RemoveTopic(id [16]byte) []byte { return append(append(frame(9, 0), id[:]...), 0) }

// Partition is a PartitionRecord, version 1.
func Partition(topic [16]byte, id int32, replicas, isr []int32, leader, leaderEpoch int32) []byte {
	b := append(i32(frame(3, 1), id), topic[:]...)
	b = i32s(i32s(i32s(i32s(b, replicas), isr), nil), nil)
	b = i32(i32(i32(b, leader), leaderEpoch), 0)
	b = binary.AppendUvarint(b, uint64(len(replicas)+1))
	b = append(b, make([]byte, 16*len(replicas))...)
	return append(b, 0)
}

// PartitionChange is a PartitionChangeRecord; leader -2 and a nil ISR say unchanged.
func PartitionChange(topic [16]byte, id int32, isr []int32, leader int32) []byte {
	b := append(i32(frame(5, 1), id), topic[:]...)
	var tags [][]byte
	if isr != nil {
		v := i32s(nil, isr)
		tags = append(tags, append([]byte{0, byte(len(v))}, v...))
	}
	if leader != -2 {
		tags = append(tags, append([]byte{1, 4}, i32(nil, leader)...))
	}
	b = append(b, byte(len(tags)))
	return append(b, slices.Concat(tags...)...)
}

// RegisterBroker is a RegisterBrokerRecord, version 1, with one endpoint.
func RegisterBroker(id int32, epoch int64, fenced bool) []byte {
	b := i32(frame(0, 1), id)
	b = append(b, make([]byte, 16)...)
	b = binary.BigEndian.AppendUint64(b, uint64(epoch))
	b = append(str(str(append(b, 2), "PLAINTEXT"), "n1"), 35, 132, 0, 0, 0) // one endpoint
	b = append(str(append(b, 2), "metadata.version"), 0, 1, 0, 30, 0)       // one feature
	b = append(b, 0)                                                        // no rack
	f := byte(0)
	if fenced {
		f = 1
	}
	return append(b, f, 0, 0)
}

// FenceBroker is a BrokerRegistrationChangeRecord: 1 fences, -1 unfences.
func FenceBroker(id int32, epoch int64, fence int8) []byte {
	b := binary.BigEndian.AppendUint64(i32(frame(17, 1), id), uint64(epoch))
	return append(b, 1, 0, 1, byte(fence))
}
