package record

import "encoding/binary"

// Types of control records (ControlRecordType).
const (
	ControlAbort          int16 = 0
	ControlCommit         int16 = 1
	ControlLeaderChange   int16 = 2
	ControlSnapshotHeader int16 = 3
	ControlSnapshotFooter int16 = 4
	ControlKRaftVersion   int16 = 5
	ControlKRaftVoters    int16 = 6
)

// ControlType reads the type from the key of a control record.
func ControlType(key []byte) (kind int16, ok bool) {
	if len(key) < 4 || int16(binary.BigEndian.Uint16(key)) < 0 {
		return -1, false
	}
	return int16(binary.BigEndian.Uint16(key[2:])), true
}
