package quorum

import (
	"bytes"
	"encoding/json"
	"errors"

	"trial/engine"
)

// election is what a voter must never forget: the content of quorum-state.
type election struct {
	Epoch  int32
	Leader int32 // -1 none
	Vote   int32 // -1 none
}

// stateFile is Kafka's QuorumStateData version 0, as FileQuorumStateStore writes it.
type stateFile struct {
	ClusterID     string       `json:"clusterId"`
	LeaderID      int32        `json:"leaderId"`
	LeaderEpoch   int32        `json:"leaderEpoch"`
	VotedID       int32        `json:"votedId"`
	AppliedOffset int64        `json:"appliedOffset"`
	CurrentVoters []stateVoter `json:"currentVoters"`
	DataVersion   int16        `json:"data_version"`
}

type stateVoter struct {
	VoterID int32 `json:"voterId"`
}

// ErrState is what loading a damaged quorum-state file ends with.
var ErrState = errors.New("quorum: quorum-state file is damaged")

// store keeps the election in the file quorum-state: write a temporary file, sync
// it, rename it, sync the directory. One write is under way at a time; what is
// saved meanwhile is written next, the newest state only.
type store struct {
	h       engine.Host
	vol     engine.VolumeID
	dir     string
	voters  []stateVoter
	unsafe  bool // mutant CTL-04: nothing is synced
	fatal   func(error)
	written func() // a newer state is durable

	want    election
	durable election
	writing bool
	being   election
	step    int
	data    []byte
	op      engine.DiskOp
}

func (s *store) path() string { return s.dir + "/quorum-state" }

// load reads the file; found is false if there is none.
func (s *store) load(done func(e election, found bool, err error)) {
	none := election{Leader: -1, Vote: -1}
	s.op = engine.DiskOp{Kind: engine.OpOpen, Volume: s.vol, Path: s.path()}
	s.op.Done = func(op *engine.DiskOp) {
		if errors.Is(op.Err, engine.ErrNotExist) {
			done(none, false, nil)
			return
		}
		if op.Err != nil || op.Size > 1<<16 {
			done(none, false, errors.Join(ErrState, op.Err))
			return
		}
		s.data = make([]byte, op.Size)
		s.readAll(op.File, 0, done)
	}
	s.h.Disk(&s.op)
}

// readAll reads the rest of the file from pos; short reads are resumed.
func (s *store) readAll(f engine.FileID, pos int, done func(election, bool, error)) {
	if pos == len(s.data) {
		s.parsed(f, done)
		return
	}
	s.op = engine.DiskOp{Kind: engine.OpReadAt, File: f, Volume: s.vol, Pos: int64(pos), Data: s.data[pos:]}
	s.op.Done = func(op *engine.DiskOp) {
		if op.Err != nil || op.N == 0 {
			done(election{Leader: -1, Vote: -1}, false, errors.Join(ErrState, op.Err))
			return
		}
		s.readAll(f, pos+op.N, done)
	}
	s.h.Disk(&s.op)
}

func (s *store) parsed(f engine.FileID, done func(election, bool, error)) {
	var st stateFile
	err := json.NewDecoder(bytes.NewReader(s.data)).Decode(&st)
	if err == nil && st.LeaderEpoch < 0 {
		err = ErrState
	}
	s.op = engine.DiskOp{Kind: engine.OpClose, File: f, Volume: s.vol}
	s.op.Done = func(*engine.DiskOp) {
		if err != nil && s.unsafe {
			done(election{Leader: -1, Vote: -1}, false, nil) // what was never synced may be torn
			return
		}
		if err != nil {
			done(election{Leader: -1, Vote: -1}, false, errors.Join(ErrState, err))
			return
		}
		e := election{Epoch: st.LeaderEpoch, Leader: st.LeaderID, Vote: st.VotedID}
		s.want, s.durable = e, e
		done(e, true, nil)
	}
	s.h.Disk(&s.op)
}

// save makes e durable; written is called when it, or something newer, is.
func (s *store) save(e election) {
	s.want = e
	if !s.writing && s.want != s.durable {
		s.write()
	}
}

// isDurable reports whether the newest saved state is on disk.
func (s *store) isDurable() bool { return s.want == s.durable }

func (s *store) write() {
	s.writing, s.being, s.step = true, s.want, 0
	b, err := json.Marshal(stateFile{LeaderID: s.being.Leader, LeaderEpoch: s.being.Epoch, VotedID: s.being.Vote, CurrentVoters: s.voters})
	if err != nil {
		s.fatal(err)
		return
	}
	s.data = b
	s.op = engine.DiskOp{Done: s.stepped}
	s.next()
}

// The steps of a write, in order.
const (
	stepRemove = iota
	stepCreate
	stepAppend
	stepSync
	stepClose
	stepRename
	stepSyncDir
	stepEnd
)

func (s *store) next() {
	tmp := s.path() + ".tmp"
	if s.unsafe && (s.step == stepSync || s.step == stepSyncDir) {
		s.step++
	}
	op := &s.op
	*op = engine.DiskOp{Volume: s.vol, File: op.File, Done: op.Done}
	switch s.step {
	case stepRemove:
		op.Kind, op.Path = engine.OpRemove, tmp
	case stepCreate:
		op.Kind, op.Path = engine.OpCreate, tmp
	case stepAppend:
		op.Kind, op.Data = engine.OpAppend, s.data
	case stepSync:
		op.Kind = engine.OpSyncFile
	case stepClose:
		op.Kind = engine.OpClose
	case stepRename:
		op.Kind, op.Path, op.NewPath = engine.OpRename, tmp, s.path()
	case stepSyncDir:
		op.Kind, op.Path = engine.OpSyncDir, s.dir
	case stepEnd:
		s.wrote()
		return
	}
	s.h.Disk(op)
}

func (s *store) stepped(op *engine.DiskOp) {
	switch {
	case s.step == stepRemove && errors.Is(op.Err, engine.ErrNotExist):
	case op.Err != nil:
		s.fatal(op.Err)
		return
	case s.step == stepAppend && op.N < len(s.data):
		s.data = s.data[op.N:] // a short write: the rest follows
		s.next()
		return
	}
	s.step++
	s.next()
}

func (s *store) wrote() {
	s.writing, s.durable = false, s.being
	s.written()
	if !s.writing && s.want != s.durable {
		s.write()
	}
}
