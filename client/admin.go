package client

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/checks/history"
	"trial/clock"
	"trial/engine"
)

// AdminConfig is the configuration of an Admin.
type AdminConfig struct {
	Config
	// APITimeout is default.api.timeout.ms: when retrying ends.
	APITimeout clock.Duration
}

// DefaultAdminConfig returns Kafka's defaults.
func DefaultAdminConfig(bootstrap ...string) AdminConfig {
	cfg := AdminConfig{Config: DefaultConfig(bootstrap...), APITimeout: clock.Minute}
	cfg.Stream, cfg.AllowAutoTopicCreation = "admin", false
	return cfg
}

// Admin asks a cluster for changes and for information. Every call asks one
// thing, goes to any broker (offset queries to the leader) and is repeated on
// retriable errors until default.api.timeout.ms has passed.
type Admin struct {
	h     engine.Host
	cfg   AdminConfig
	c     *Cluster
	rng   *engine.Stream
	calls []*adminCall // under way, in the order they were made
}

// AdminReply is how a call ended.
type AdminReply struct {
	// Outcome: OK done, Fail certainly without effect, Info unknown: an attempt
	// may have had an effect although the call did not end well.
	Outcome  history.Outcome
	Err      error
	Code     int16
	Attempts int
	// Resp is the last response, nil if the last attempt had none.
	Resp kmsg.Response
}

// NewAdmin makes an Admin. It connects with the first call.
func NewAdmin(h engine.Host, cfg AdminConfig) (*Admin, error) {
	c, err := NewCluster(h, cfg.Config)
	if err != nil {
		return nil, err
	}
	a := &Admin{h: h, cfg: cfg, c: c, rng: h.Stream(cfg.Stream + ".admin")}
	return a, nil
}

// Cluster is the admin's own view of the cluster.
func (a *Admin) Cluster() *Cluster { return a.c }

// Close ends the admin. Calls under way get no callback any more.
func (a *Admin) Close() {
	for _, call := range a.calls {
		a.h.StopTimer(&call.timer)
	}
	a.calls = nil
	a.c.Close()
}

// adminCall is one call with its attempts.
type adminCall struct {
	a        *Admin
	build    func() kmsg.Request
	node     func() (id int32, ok bool)     // nil: any broker
	code     func(resp kmsg.Response) int16 // what the response says
	done     func(r AdminReply)
	final    int16 // a retriable code that is not worth repeating here, 0: none
	deadline clock.Instant
	reply    AdminReply
	unknown  bool // some attempt may have had an effect
	timer    engine.Timer
}

func (a *Admin) start(call *adminCall) {
	call.a = a
	call.deadline = a.h.Now().Add(a.cfg.APITimeout)
	call.timer.Fire = call.attempt
	a.calls = append(a.calls, call)
	a.c.later(call.attempt)
}

func (call *adminCall) attempt() {
	a := call.a
	if call.node == nil {
		call.reply.Attempts++
		a.c.DoAny(call.build(), call.onReply)
		return
	}
	id, ok := call.node()
	if !ok {
		a.c.meta.request()
		call.again(ErrUnknownTopic, codeLeaderNotAvailable)
		return
	}
	call.reply.Attempts++
	a.c.Do(id, call.build(), call.onReply)
}

func (call *adminCall) onReply(r *Reply) {
	call.reply.Resp = r.Resp
	if r.Err != nil {
		call.unknown = call.unknown || r.Sent
		if r.Err == ErrNoVersion {
			call.end(history.Fail, r.Err, codeUnsupportedVersion)
			return
		}
		call.again(r.Err, codeOf(r.Err))
		return
	}
	code := call.code(r.Resp)
	switch {
	case code == codeNone:
		call.end(history.OK, nil, codeNone)
	case call.final != 0 && code == call.final:
		call.end(history.Fail, kafkaError(code), code)
	case retriable(code) || code == codeUnknownServerError:
		// The active controller may have moved or timed out with the change under way.
		call.unknown = true
		if staleMetadata(code) {
			call.a.c.meta.request()
		}
		call.again(kafkaError(code), code)
	default:
		call.end(history.Fail, kafkaError(code), code)
	}
}

// again repeats the call after a while, unless its time is over.
func (call *adminCall) again(err error, code int16) {
	a := call.a
	at := a.h.Now().Add(backoff(a.cfg.RetryBackoff, a.cfg.RetryBackoffMax, call.reply.Attempts, a.rng))
	if code == codeUnknownServerError || !at.Before(call.deadline) {
		call.end(history.Fail, err, code)
		return
	}
	a.h.SetTimer(&call.timer, at)
}

func (call *adminCall) end(outcome history.Outcome, err error, code int16) {
	a := call.a
	for i, c := range a.calls {
		if c == call {
			a.calls = append(a.calls[:i], a.calls[i+1:]...)
			break
		}
	}
	if outcome == history.Fail && call.unknown {
		outcome = history.Info
	}
	r := call.reply
	r.Outcome, r.Err, r.Code = outcome, err, code
	call.done(r)
}
