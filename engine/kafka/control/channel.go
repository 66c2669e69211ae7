package control

import (
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
	"trial/engine/kafka/control/peer"
)

// ErrTimeout: no active controller answered within the timeout.
var ErrTimeout = errors.New("control: no answer of the active controller within the timeout")

// The pause before requests go out again doubles from the first to the last: a
// controller that has just been elected is active within milliseconds.
const (
	firstBackoff = 5 * clock.Millisecond
	lastBackoff  = 50 * clock.Millisecond
)

// Channel sends requests to the active controller over a connection of its own
// (NodeToControllerChannelManager). It finds the controller from the quorum's
// leader, follows it when it changes, and sends again after a disconnect or
// NOT_CONTROLLER until the request's timeout. A request may therefore be carried
// out twice.
type Channel struct {
	n        *Node
	clientID string
	conn     *peer.Conn // to the controller, nil while unknown
	leader   int32
	calls    []*channelCall // in order of Send
	retry    engine.Timer
	failures int // pauses since the last answer
	closed   bool
}

type channelCall struct {
	ch    *Channel
	req   kmsg.Request
	until clock.Instant
	done  func(kmsg.Response, error)
	sent  bool
	timer engine.Timer
}

// Channel makes a channel. clientID goes into the request headers.
func (n *Node) Channel(clientID string) *Channel {
	ch := &Channel{n: n, clientID: clientID, leader: -1}
	ch.retry.Fire = ch.pump
	n.channels = append(n.channels, ch)
	return ch
}

// Send sends req, whose version is set. done follows in a later event, with
// ErrTimeout or with an answer other than NOT_CONTROLLER. The answer's byte slices
// are good only until done returns.
func (ch *Channel) Send(req kmsg.Request, timeout clock.Duration, done func(resp kmsg.Response, err error)) {
	if ch.closed {
		return
	}
	w := &channelCall{ch: ch, req: req, until: ch.n.h.Now().Add(timeout), done: done}
	w.timer.Fire = func() { ch.expire(w) }
	ch.n.h.SetTimer(&w.timer, w.until)
	ch.calls = append(ch.calls, w)
	ch.pump()
}

// Close drops what is waiting without calling back.
func (ch *Channel) Close() {
	ch.closed = true
	for _, w := range ch.calls {
		ch.n.h.StopTimer(&w.timer)
	}
	ch.calls = nil
	ch.n.h.StopTimer(&ch.retry)
	ch.disconnect()
}

func (ch *Channel) disconnect() {
	if ch.conn != nil {
		ch.conn.Close()
		ch.conn = nil
	}
}

// leaderChanged moves everything to the new controller.
func (ch *Channel) leaderChanged() {
	if id := ch.n.q.Leader(); ch.closed || id == ch.leader {
		return
	}
	ch.disconnect()
	for _, w := range ch.calls {
		w.sent = false
	}
	ch.pump()
}

// pump sends every request that is not out.
func (ch *Channel) pump() {
	if ch.closed || len(ch.calls) == 0 || ch.retry.Armed() {
		return
	}
	ch.leader = ch.n.q.Leader()
	if ch.leader < 0 {
		return // leaderChanged comes
	}
	if ch.conn == nil {
		ch.conn = peer.New(ch.n.h, ch.n.voterAddr(ch.leader), ch.clientID)
	}
	conn := ch.conn
	for _, w := range ch.calls {
		if w.sent {
			continue
		}
		w.sent = true
		conn.Send(w.req, w.until.Sub(ch.n.h.Now()), func(resp kmsg.Response, err error) {
			if conn == ch.conn {
				ch.onAnswer(w, resp, err)
			}
		})
	}
}

func (ch *Channel) onAnswer(w *channelCall, resp kmsg.Response, err error) {
	i := slices.Index(ch.calls, w)
	if i < 0 || !w.sent {
		return
	}
	if err != nil || codeOf(resp) == kerr.NotController.Code {
		w.sent = false
		if !ch.retry.Armed() {
			pause := min(firstBackoff<<min(ch.failures, 8), lastBackoff)
			ch.failures++
			ch.n.h.SetTimer(&ch.retry, ch.n.h.Now().Add(pause))
		}
		return
	}
	ch.failures = 0
	ch.calls = slices.Delete(ch.calls, i, i+1)
	ch.n.h.StopTimer(&w.timer)
	w.done(resp, nil)
}

func (ch *Channel) expire(w *channelCall) {
	if i := slices.Index(ch.calls, w); i >= 0 {
		ch.calls = slices.Delete(ch.calls, i, i+1)
		w.done(nil, ErrTimeout)
	}
}

func (n *Node) voterAddr(id int32) string {
	for _, v := range n.cfg.Voters {
		if v.ID == id {
			return v.Addr
		}
	}
	return ""
}
