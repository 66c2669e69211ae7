package replica

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// resolve asks where the leader's log lies when our fetch offset is out of its
// range (AbstractFetcherThread.fetchOffsetAndTruncate). An end below ours: its log
// is shorter, cut to it. Otherwise our end is below its start: begin anew there.
func (f *Fetcher) resolve(item *roundItem) {
	f.h.Probe("replica.fetcher.out-of-range")
	it, gen, epoch := item.it, item.gen, item.epoch
	it.state = resolving
	f.askOffset(it, gen, epoch, QueryLatest, func(end int64) {
		if end < it.p.log.End() {
			f.resolved(it)
			it.p.truncate(end)
			it.p.finish()
			return
		}
		f.askOffset(it, gen, epoch, QueryEarliest, func(start int64) {
			f.resolved(it)
			if start > it.p.log.End() {
				it.p.truncateFully(start)
				it.p.finish()
			}
		})
	})
}

// resolved lets the partition be fetched again.
func (f *Fetcher) resolved(it *followed) {
	it.state = following
	f.kick()
}

// askOffset asks the leader for one offset and goes on with it if the partition is
// still in the state in which it asked; any error backs it off.
func (f *Fetcher) askOffset(it *followed, gen uint32, epoch int32, query int64, then func(offset int64)) {
	p := it.p
	req := &kmsg.ListOffsetsRequest{
		Version: listOffsetsVersion, ReplicaID: f.self,
		Topics: []kmsg.ListOffsetsRequestTopic{{
			Topic: p.tp.Topic,
			Partitions: []kmsg.ListOffsetsRequestTopicPartition{{
				Partition: p.tp.Partition, CurrentLeaderEpoch: epoch, Timestamp: query,
			}},
		}},
	}
	f.t.ListOffsets(req, func(resp *kmsg.ListOffsetsResponse, err error) {
		if it.removed || it.gen != gen || it.state != resolving {
			return
		}
		if p.leaderEpoch != epoch || p.role != RoleFollower || p.ops > 0 || p.closed || p.Offline() {
			f.resolved(it) // begin again in the state that holds now
			return
		}
		offset, ok := onlyOffset(resp, err)
		if !ok {
			f.backOff(it)
			f.resolved(it)
			return
		}
		then(offset)
	})
}

func onlyOffset(resp *kmsg.ListOffsetsResponse, err error) (int64, bool) {
	if err != nil || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, false
	}
	rp := &resp.Topics[0].Partitions[0]
	return rp.Offset, rp.ErrorCode == 0 && rp.Offset >= 0
}
