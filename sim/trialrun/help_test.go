package trialrun

import (
	"fmt"
	"testing"

	"trial/clock"
	"trial/engine"
	"trial/engine/echo"
	"trial/faults"
	"trial/sim"
)

// watcher is a judge made of functions; it keeps what it has heard.
type watcher struct {
	facts  []Fact
	events []FaultEvent
	ends   []End
	fault  func(w *watcher, e FaultEvent, out *Findings)
	end    func(w *watcher, e End, out *Findings)
}

func (w *watcher) OnFact(f Fact, _ *Findings) { w.facts = append(w.facts, f) }

func (w *watcher) OnFault(e FaultEvent, out *Findings) {
	w.events = append(w.events, e)
	if w.fault != nil {
		w.fault(w, e, out)
	}
}

func (w *watcher) End(e End, out *Findings) {
	w.ends = append(w.ends, e)
	if w.end != nil {
		w.end(w, e, out)
		return
	}
	out.Hold("RULE", true, "")
}

func (w *watcher) did(a faults.Action, ends bool) []FaultEvent {
	var out []FaultEvent
	for _, e := range w.events {
		if e.Action == a && e.Ends == ends {
			out = append(out, e)
		}
	}
	return out
}

// pingPong is a system of echo servers and clients that play with n1. Its last
// run's judge is in *last. tamper changes the cast.
func pingPong(last **watcher, tamper func(p *Plan, c *Cast, w *watcher)) *System {
	addr := func(i int) string { return fmt.Sprintf("n%d:7000", i+1) }
	return &System{
		Name: "echo", Servers: 3, Clients: 2, For: 10 * clock.Second, Liveness: 20 * clock.Second,
		Knobs: []Knob{{Name: "size", Default: 64, Min: 8, Max: 4096}}, Mutants: []string{"first", "second"},
		Groups: []string{"all"}, Resolve: func(w *sim.World, p *Plan, role, of string) (engine.NodeID, bool) {
			return ServerID(p.Servers - 1), role == faults.Leader && of == "all" && w.Running(ServerID(p.Servers-1))
		},
		Classes: []string{"ping"}, Class: func(_, to engine.NodeID, _ []byte) string {
			if to < ClientID(0) {
				return "ping"
			}
			return ""
		},
		New: func(p *Plan) *Cast {
			c, w := &Cast{}, &watcher{}
			for i := range p.Servers {
				c.Servers = append(c.Servers, Node{
					New: func() engine.Program { return echo.New(echo.Config{Serve: true}) }, Listeners: []string{addr(i)}, Volumes: 1,
				})
			}
			for range p.Clients {
				c.Clients = append(c.Clients, Node{New: func() engine.Program {
					return echo.New(echo.Config{Peers: []string{addr(0)}, Size: int(p.Knob("size")), Timeout: clock.Second})
				}})
			}
			c.Judges = []Judge{w}
			if last != nil {
				*last = w
			}
			if tamper != nil {
				tamper(p, c, w)
			}
			return c
		},
	}
}

func draw(t *testing.T, s *System, seed uint64, o Options) Plan {
	t.Helper()
	p, err := s.Draw(seed, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// calm is a plan with the faults that the text says.
func calm(t *testing.T, s *System, text string) Plan {
	t.Helper()
	p := draw(t, s, 1, Options{Calm: true})
	var err error
	if p.Faults, err = faults.Parse(text); err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(&p); err != nil {
		t.Fatal(err)
	}
	return p
}
