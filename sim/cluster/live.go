package cluster

import (
	"fmt"
	"slices"
	"strings"

	"trial/clock"
	"trial/engine"
	"trial/faults"
)

// Live is a Stage that is kept in step with another clock: whoever drives it says
// how far time has come, and calls its guests, the nodes on which a user's own
// clients run. What guests do is in no history, so the judges of histories speak
// only of the plan's own clients; all others watch as in any run. Without clients
// in the plan, its topics are the guests'.
type Live struct {
	s      *Stage
	looked clock.Instant // when the judges were shown the world last
}

// maxGuests is how many node ids there are for guests.
const maxGuests = 50

// OpenLive starts a run with guests. The brokers' wall clocks begin at epochMs. It
// reports what is wrong with the plan or the guests.
func OpenLive(p Plan, o RunOptions, epochMs int64, guests ...Guest) (*Live, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if len(guests) > maxGuests {
		return nil, fmt.Errorf("%d guests; at most %d", len(guests), maxGuests)
	}
	names := slices.Concat(p.BrokerNames(), p.ClientNames(), []string{setupName, dumpName})
	for _, g := range guests {
		if !validNodeName(g.Name) || slices.Contains(names, g.Name) {
			return nil, fmt.Errorf("guest %q: the name is taken, or none that a fault could name; such as: app", g.Name)
		}
		names = append(names, g.Name)
	}
	o.guests, o.epochMs = guests, epochMs
	l := &Live{s: Open(p, o)}
	for i := range guests {
		l.s.run.World.Start(GuestID(i))
	}
	return l, nil
}

// Addrs are the brokers' addresses, as they advertise them.
func (l *Live) Addrs() []string { return slices.Clone(l.s.run.clients.Bootstrap) }

// Hash is the running hash of the trace.
func (l *Live) Hash() uint64 { return l.s.run.Hash() }

// Ready is Stage.Ready.
func (l *Live) Ready() bool { return l.s.Ready() }

// QuietUntil is an instant until which the world may be left behind: nothing
// reaches a guest before, unless a guest is called.
func (l *Live) QuietUntil() clock.Instant {
	quiet := l.looked.Add(slice)
	for i := range l.s.run.guests {
		quiet = min(quiet, l.s.run.QuietUntil(GuestID(i)))
	}
	return quiet
}

// NextAt is the instant of the next event anywhere in the world.
func (l *Live) NextAt() clock.Instant {
	if at, ok := l.s.run.NextAt(); ok {
		return min(at, l.looked.Add(slice))
	}
	return l.looked.Add(slice)
}

// Advance runs everything up to and including the instant. The error says that the
// run has ended: a rule is broken, or a limit is reached.
func (l *Live) Advance(at clock.Instant) error {
	if l.s.ended() {
		return l.s.err
	}
	if ok := l.s.run.RunUntil(at); !ok || at >= l.looked.Add(slice) {
		l.looked = at
		l.s.look()
	}
	return l.s.err
}

// Call runs f as an event of a guest; false if the guest is down.
func (l *Live) Call(guest int, f func(h engine.Host)) bool {
	return l.s.run.Call(GuestID(guest), f)
}

// Unsent is the number of bytes that a guest has sent on a connection and that the
// broker has not taken yet.
func (l *Live) Unsent(guest int, c engine.ConnID) int64 {
	return l.s.run.Unsent(GuestID(guest), c)
}

// SetReading says whether a guest takes what arrives on a connection or leaves it
// unread.
func (l *Live) SetReading(guest int, c engine.ConnID, on bool) {
	l.s.run.SetReading(GuestID(guest), c, on)
}

// Resolve names the nodes that a target means now: "n2", "leader of t-0",
// "controller".
func (l *Live) Resolve(who string) (string, error) {
	nodes, err := l.s.Resolve(who)
	return strings.Join(nodes, ", "), err
}

// Kill ends the processes of a target until Start or Calm, and names them.
func (l *Live) Kill(who string) (string, error) {
	nodes, err := l.Resolve(who)
	if err != nil {
		return "", err
	}
	return nodes, l.s.Kill(nodes)
}

// Start starts nodes again that are down, on their disks and addresses.
func (l *Live) Start(who string) error { return l.s.Start(who) }

// Fault is Stage.Fault: one fault strikes now, in the words of a schedule.
func (l *Live) Fault(line string) error { return l.s.Fault(line) }

// Calm ends every fault; those of the plan that are still to come never strike.
func (l *Live) Calm() error { return l.s.Calm() }

// Finish ends the run as Stage.Finish does. The guests should have closed their
// connections; nobody answers for them from now on.
func (l *Live) Finish() Result {
	res := l.s.Finish()
	if res.Verdict == Empty && len(res.Plan.Clients) == 0 {
		res.Verdict, res.Note = Pass, "" // what the guests did is theirs to count
	}
	return res
}

// WithoutClients returns the plan without its clients and without the faults that
// name one of them.
func WithoutClients(p Plan) Plan {
	p = p.Clone()
	p.Clients = nil
	p.Faults = slices.DeleteFunc(p.Faults, func(f faults.Fault) bool {
		return faults.Check(faults.Schedule{f}, p.BrokerNames(), nil) != nil
	})
	return p
}
