package checks

import (
	"fmt"

	"trial/checks/history"
	"trial/clock"
)

// FaultKind says what was done to the world.
type FaultKind uint8

// The kinds. Node and Peer are node ids; 0 where the fault has none.
const (
	Kill      FaultKind = iota + 1 // Node's process died; what the OS took stays
	PowerFail                      // Node lost what was not synced: Lost
	Stop                           // Node was asked to end in an orderly way
	Restart                        // Node started a new incarnation
	Pause                          // Node froze
	Resume                         // Node goes on
	Cut                            // nothing passes from Node to Peer (0: everybody)
	Mend                           // undoes Cut
	Slow                           // a link, a disk or a node became slow or clogged
	Reset                          // connections between Node and Peer were reset
	DiskFail                       // an append, sync or read of Node failed or was short
	Corrupt                        // stored bytes of Node were damaged: Lost
	Skew                           // Node's clock was moved
	Operate                        // an operation: planned move, election, reassignment, topic change
	HealAll                        // the fault phase ended
	Wipe                           // Node's pod was made anew and volumes of it are empty: Lost
)

var faultNames = [...]string{"none", "kill", "power failure", "stop", "restart", "pause", "resume", "cut", "mend",
	"slow", "reset", "disk failure", "corruption", "clock skew", "operation", "heal", "emptied volume"}

func (k FaultKind) String() string {
	if int(k) < len(faultNames) {
		return faultNames[k]
	}
	return fmt.Sprintf("fault kind %d", uint8(k))
}

// Crash reports whether the process died without a say in it, or what it left in
// good order is gone all the same.
func (k FaultKind) Crash() bool { return k == Kill || k == PowerFail || k == Wipe }

// FaultEvent is one thing that was done to the world, from the world's own log.
type FaultEvent struct {
	At   clock.Instant
	Seq  int64 // number of history events before it
	Kind FaultKind
	Node int32
	Peer int32
	Text string // as the plan says it
	// Lost lists the files that the event changed, for PowerFail, Corrupt and Wipe.
	Lost []FileLoss
}

// LateRequest is a produce request that a broker's process was handed after the
// client had given up the connection, because the process hung meanwhile.
type LateRequest struct {
	Seq     int64 // number of history events before it
	Records []history.RecordID
}

// FileLoss is one file that a power failure or a corruption changed.
type FileLoss struct {
	Volume int32
	Path   string // relative to the volume, with slashes
	// Before is what a reader would have got just before: everything the operating
	// system had taken. After is what is left; Gone says that the directory entry
	// itself was lost.
	Before, After []byte
	Gone          bool
}
