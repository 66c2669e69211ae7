package workload

import (
	"trial/checks/history"
	"trial/client"
	"trial/clock"
	"trial/engine"
)

// Run is what the clients of one run share. Its programs must be driven by one
// goroutine at a time, as a simulated world does.
type Run struct {
	History   *history.History
	Bootstrap []string
	// MaxVersions caps what the clients negotiate.
	MaxVersions []client.VersionCap
	// Mutant names a planted bug of the clients, see package mutant.
	Mutant string
	// Topics are what the clients use; nil: what their Config says.
	Topics []Topic

	instances uint32
	alive     []int32 // nodes whose client lives, in the order of their starts
}

// Program is a client as a program, with what a driver wants to know of it.
type Program interface {
	engine.Program
	// Finished reports whether the program has done what it set out to do and
	// waits for nothing. Programs without an end say true once they are settled.
	Finished() bool
}

// New makes the program of one life of a client. It panics on a Config without a role.
func New(run *Run, cfg Config) Program {
	p := &program{run: run, cfg: cfg.normal()}
	switch cfg.Role {
	case Setup:
		p.role = &setup{program: p}
	case Producer:
		p.role = &producer{program: p}
	case Consumer:
		p.role = &consumer{program: p}
	case Lister:
		p.role = &lister{program: p}
	case Admin:
		p.role = &churn{program: p}
	case Dumper:
		p.role = &dumper{program: p}
	default:
		panic("workload: a Config without a role")
	}
	return p
}

// Crashed notes that the client of a node has ended without saying so. Whoever
// kills a node may call it; otherwise the client's next life does.
func (r *Run) Crashed(node engine.NodeID, at clock.Instant) {
	for i, n := range r.alive {
		if n == int32(node) {
			r.alive = append(r.alive[:i], r.alive[i+1:]...)
			r.History.Add(history.Event{At: at, Kind: history.ClientCrashed, Client: int32(node)})
			return
		}
	}
}

// Started notes that the client of a node has come to life.
func (r *Run) Started(h engine.Host) {
	r.Crashed(h.Node(), h.Now())
	r.alive = append(r.alive, int32(h.Node()))
	r.History.Add(history.Event{At: h.Now(), Kind: history.ClientStarted, Client: int32(h.Node())})
}

// Instance is a fresh producer instance, for history.MakeID.
func (r *Run) Instance() uint32 {
	r.instances++
	return r.instances
}

// role is what differs between the programs.
type role interface {
	boot() error
	begin()
	finished() bool
	close(then func())
}

// program is the part that all roles share.
type program struct {
	run   *Run
	cfg   Config
	h     engine.Host
	rng   *engine.Stream
	role  role
	timer engine.Timer // of begin, then the role's own
	ended bool
}

// Boot starts the client's life.
func (p *program) Boot(h engine.Host) {
	p.h, p.rng = h, h.Stream("workload")
	p.run.Started(h)
	if err := p.role.boot(); err != nil {
		h.Logf(engine.Error, "%s: %v", p.cfg.Role, err)
		p.end(err)
		return
	}
	p.after(p.at(p.cfg.StartMs).Sub(h.Now()), p.role.begin)
}

// after runs f once the span has passed, instead of what was set before.
func (p *program) after(d clock.Duration, f func()) {
	p.h.StopTimer(&p.timer)
	p.timer.Fire = f
	p.h.SetTimer(&p.timer, p.h.Now().Add(max(d, 0)))
}

// Accept refuses: clients have no listeners.
func (p *program) Accept(engine.ConnID, engine.ListenerID, string) engine.ConnHandler { return nil }

// Stop ends the client in an orderly way.
func (p *program) Stop() { p.role.close(func() { p.end(nil) }) }

// Finished is explained at Program.
func (p *program) Finished() bool { return p.ended || p.role.finished() }

func (p *program) end(err error) {
	if !p.ended {
		p.ended = true
		p.run.Crashed(p.h.Node(), p.h.Now())
		p.h.Exit(err)
	}
}

func (p *program) at(ms int) clock.Instant { return clock.Instant(clock.Ms(int64(ms))) }

// over reports whether nothing new is to be begun.
func (p *program) over() bool {
	return p.cfg.UntilMs > 0 && !p.h.Now().Before(p.at(p.cfg.UntilMs))
}

// add writes an event of this client into the history.
func (p *program) add(e history.Event) {
	e.At, e.Client = p.h.Now(), int32(p.h.Node())
	p.run.History.Add(e)
}

// jittered is a span around d, so that clients do not march in step.
func (p *program) jittered(d clock.Duration) clock.Duration {
	if d < 2 {
		return 1
	}
	return clock.Duration(p.rng.Between(int64(d)/2, int64(d)*3/2))
}
