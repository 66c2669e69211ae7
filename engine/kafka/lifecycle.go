package kafka

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/clock"
	"trial/engine"
)

// State is where a broker is between boot and end (BrokerState in Kafka).
type State uint8

// The states, in the order of a life.
const (
	NotRunning State = iota
	Starting
	Recovery
	Running
	PendingControlledShutdown
	ShuttingDown
)

func (s State) String() string {
	return [...]string{"NOT_RUNNING", "STARTING", "RECOVERY", "RUNNING", "PENDING_CONTROLLED_SHUTDOWN", "SHUTTING_DOWN"}[s]
}

// State is where the broker is in its life.
func (b *Broker) State() State { return b.lifecycle.state }

// lifecycle keeps the broker registered with the active controller
// (BrokerLifecycleManager in Kafka): registration, heartbeats, controlled
// shutdown. One request is under way at a time.
type lifecycle struct {
	b           *Broker
	state       State
	incarnation [16]byte
	previous    int64 // broker epoch of the last clean shutdown, -1 for none
	epoch       int64 // of our registration, -1 before it

	timer      engine.Timer
	inFlight   bool
	immediate  bool // something is to be told as soon as the answer is in
	failures   int
	registered bool
	caughtUp   bool // our registration has come back to us in the metadata
	began      clock.Instant

	readyToUnfence bool
	fenced         bool
	offline        []offlineDir
	stopAnswered   bool          // a heartbeat that asked for shutdown was answered
	stopUntil      clock.Instant // when we leave without being told to
	aloneTimer     engine.Timer  // in controlled shutdown: looks whether anybody is left
	lastAnswer     clock.Instant
}

// offlineDir is a failed volume and whether the controller knows.
type offlineDir struct {
	id       [16]byte
	failedAt clock.Instant
	reported bool
}

const (
	catchUpInterval    = 10 * clock.Millisecond // heartbeats while starting
	firstStopInterval  = 50 * clock.Millisecond // heartbeat behind the first answer in shutdown
	aloneInterval      = 500 * clock.Millisecond
	resendBackoff      = 100 * clock.Millisecond
	dirFailureTimeout  = 30 * clock.Second // log.dir.failure.timeout.ms
	controlledStopTime = 5 * clock.Minute  // BrokerServer.shutdown waits as long
)

func (l *lifecycle) start(previous int64) {
	l.state, l.previous, l.epoch, l.fenced = Starting, previous, -1, true
	l.began = l.b.h.Now()
	l.incarnation = l.b.h.Stream("incarnation").UUID()
	l.timer.Fire = l.communicate
	l.aloneTimer.Fire = l.lookAround
	l.communicate()
}

// communicate sends what is due: a registration, then heartbeats.
func (l *lifecycle) communicate() {
	switch {
	case l.state == ShuttingDown:
	case l.inFlight:
		l.immediate = true
	case !l.registered:
		l.register()
	default:
		l.heartbeat()
	}
}

func (l *lifecycle) soon() {
	if l.inFlight {
		l.immediate = true
		return
	}
	l.after(0)
}

func (l *lifecycle) after(d clock.Duration) {
	if l.immediate {
		d, l.immediate = 0, false
	}
	l.b.h.SetTimer(&l.timer, l.b.h.Now().Add(d))
}

func (l *lifecycle) interval() clock.Duration { return l.b.settings.ms("broker.heartbeat.interval.ms") }

func (l *lifecycle) sessionTimeout() clock.Duration {
	return l.b.settings.ms("broker.session.timeout.ms")
}

func (l *lifecycle) register() {
	if l.b.h.Now().Sub(l.began) > l.b.settings.ms("initial.broker.registration.timeout.ms") {
		l.b.halt(fmt.Errorf("broker %d could not register with the controller quorum for %s",
			l.b.cfg.NodeID, l.b.settings.ms("initial.broker.registration.timeout.ms")))
		return
	}
	l.inFlight = true
	l.b.heartbeats.Send(l.registration(), l.sessionTimeout(), func(resp kmsg.Response, err error) {
		l.inFlight = false
		if code, ok := registrationCode(resp, err); !ok || code != 0 {
			l.failed("registration", code, err)
			return
		}
		l.epoch, l.registered, l.failures = resp.(*kmsg.BrokerRegistrationResponse).BrokerEpoch, true, 0
		l.lastAnswer = l.b.h.Now()
		l.b.h.Logf(engine.Info, "registered with broker epoch %d", l.epoch)
		l.after(0)
	})
}

func registrationCode(resp kmsg.Response, err error) (code int16, ok bool) {
	r, is := resp.(*kmsg.BrokerRegistrationResponse)
	if err != nil || !is {
		return 0, false
	}
	return r.ErrorCode, true
}

func (l *lifecycle) registration() *kmsg.BrokerRegistrationRequest {
	req := kmsg.NewPtrBrokerRegistrationRequest()
	req.Version = 4
	req.BrokerID, req.ClusterID, req.IncarnationID = l.b.cfg.NodeID, l.b.cfg.ClusterID, l.incarnation
	req.PreviousBrokerEpoch = l.previous
	if l.b.cfg.Rack != "" {
		req.Rack = kmsg.StringPtr(l.b.cfg.Rack)
	}
	host, port, _ := splitAddr(l.b.cfg.Listeners.Client)
	listener := kmsg.NewBrokerRegistrationRequestListener()
	listener.Name, listener.Host, listener.Port = clientListenerName, host, uint16(port)
	req.Listeners = append(req.Listeners, listener)
	for _, f := range supportedFeatures {
		feature := kmsg.NewBrokerRegistrationRequestFeature()
		feature.Name, feature.MinSupportedVersion, feature.MaxSupportedVersion = f.name, f.min, f.max
		req.Features = append(req.Features, feature)
	}
	for i := range l.b.volumes {
		if v := &l.b.volumes[i]; !v.offline {
			req.LogDirs = append(req.LogDirs, v.dir)
		}
	}
	sortUUIDs(req.LogDirs)
	return req
}

func (l *lifecycle) heartbeat() {
	req := kmsg.NewPtrBrokerHeartbeatRequest()
	req.Version = 1
	req.BrokerID, req.BrokerEpoch = l.b.cfg.NodeID, l.epoch
	req.CurrentMetadataOffset = l.b.metadataOffset()
	req.WantFence = !l.readyToUnfence
	req.WantShutdown = l.state == PendingControlledShutdown
	told := len(l.offline)
	for _, d := range l.offline {
		req.OfflineLogDirs = append(req.OfflineLogDirs, d.id)
	}
	l.inFlight = true
	l.b.heartbeats.Send(req, l.sessionTimeout(), func(resp kmsg.Response, err error) {
		l.inFlight = false
		r, ok := resp.(*kmsg.BrokerHeartbeatResponse)
		if err != nil || !ok || r.ErrorCode != 0 {
			var code int16
			if ok {
				code = r.ErrorCode
			}
			l.failed("heartbeat", code, err)
			return
		}
		l.failures, l.lastAnswer = 0, l.b.h.Now()
		for i := range l.offline[:told] {
			l.offline[i].reported = true
		}
		l.onHeartbeat(r)
	})
}

func (l *lifecycle) onHeartbeat(r *kmsg.BrokerHeartbeatResponse) {
	l.fenced = r.IsFenced
	switch l.state {
	case Starting:
		if r.IsCaughtUp {
			l.state = Recovery
			l.b.onCaughtUp()
		}
		// Quickly, so that a start without recovery work takes no time.
		l.after(catchUpInterval)
	case Recovery:
		if !r.IsFenced {
			l.state = Running
			l.b.onUnfenced()
		}
		l.after(l.interval())
	case PendingControlledShutdown:
		switch {
		case r.ShouldShutdown:
			l.b.onMayStop("the controller moved our leaderships")
		case l.b.h.Now() > l.stopUntil:
			l.b.onMayStop("controlled shutdown took too long")
		case !l.stopAnswered:
			l.after(firstStopInterval)
		default:
			l.after(l.interval())
		}
		l.stopAnswered = true
	default:
		l.after(l.interval())
	}
}

// onImage asks the controller, as soon as our registration is in our metadata,
// whether we have caught up: no need to wait for the next heartbeat.
func (l *lifecycle) onImage() {
	if l.state == Starting && l.registered && !l.caughtUp && l.b.metadataOffset() >= l.epoch {
		l.caughtUp = true
		l.soon()
	}
}

// failed backs off, doubling up to the session timeout.
func (l *lifecycle) failed(what string, code int16, err error) {
	if err == nil {
		err = kerr.ErrorForCode(code)
	}
	l.b.h.Logf(engine.Info, "%s failed: %v", what, err)
	l.immediate = false
	for i := range l.offline {
		if d := &l.offline[i]; !d.reported && l.b.h.Now().Sub(d.failedAt) > dirFailureTimeout {
			// The controller may still choose leaders on the failed volume (KIP-858).
			l.b.halt(fmt.Errorf("the controller could not be told of a failed log directory for %s", dirFailureTimeout))
			return
		}
	}
	if l.state == PendingControlledShutdown && l.b.h.Now().Sub(l.lastAnswer) > l.sessionTimeout() {
		// The controller has fenced us by now, or there is none: staying on helps nobody.
		l.b.onMayStop("no controller answered for a session timeout")
		return
	}
	d := min(resendBackoff<<min(l.failures, 16), l.sessionTimeout())
	l.failures++
	l.after(d)
}

// ready tells that all logs are recovered: we want to be unfenced.
func (l *lifecycle) ready() {
	if !l.readyToUnfence {
		l.readyToUnfence = true
		l.soon()
	}
}

// stop begins controlled shutdown; false if there is nothing to hand over.
func (l *lifecycle) stop() bool {
	if l.state != Running && l.state != Recovery {
		return false
	}
	l.state = PendingControlledShutdown
	l.lastAnswer = l.b.h.Now()
	l.stopUntil = l.b.h.Now().Add(controlledStopTime)
	l.b.h.SetTimer(&l.aloneTimer, l.b.h.Now().Add(aloneInterval))
	l.soon()
	return true
}

// lookAround ends controlled shutdown when no other broker could take over our
// leaderships: all are fenced, or stopping like us. When a whole cluster stops,
// the last nodes have no quorum that could tell them so.
func (l *lifecycle) lookAround() {
	if l.state != PendingControlledShutdown {
		return
	}
	for _, br := range l.b.image.Brokers() {
		if br.ID != l.b.cfg.NodeID && br.Active() {
			l.b.h.SetTimer(&l.aloneTimer, l.b.h.Now().Add(aloneInterval))
			return
		}
	}
	l.b.onMayStop("no other broker is left to take over")
}

// dirOffline reports a failed volume with the next heartbeat, which is sent now.
// A volume that failed before registration is simply not registered.
func (l *lifecycle) dirOffline(id [16]byte) {
	if l.state == NotRunning {
		return
	}
	l.offline = append(l.offline, offlineDir{id: id, failedAt: l.b.h.Now()})
	if l.registered {
		l.soon()
	}
}

// end silences the lifecycle for good.
func (l *lifecycle) end() {
	l.state = ShuttingDown
	l.b.h.StopTimer(&l.timer)
	l.b.h.StopTimer(&l.aloneTimer)
}
