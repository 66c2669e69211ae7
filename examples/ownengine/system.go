package ownengine

import (
	"fmt"

	"trial/clock"
	"trial/engine"
	"trial/faults"
	"trial/sim"
	"trial/sim/trialrun"
)

// AckBeforeSync is the name of the planted bug in plans.
const AckBeforeSync = "ack-before-sync"

// System is all that Trial must know of the store. A black-box system has only
// the judge of what clients saw.
func System(blackBox bool) *trialrun.System {
	return &trialrun.System{
		Name: "quorum", Servers: 3, Clients: 3, For: 15 * clock.Second, Liveness: 10 * clock.Second,
		Knobs: []trialrun.Knob{
			{Name: "sync.delay.ms", Default: 0, Min: 0, Max: 50},
			{Name: "keys", Default: 2, Min: 1, Max: 3},
			{Name: "write.percent", Default: 50, Min: 10, Max: 90},
			{Name: "think.ms", Default: 20, Min: 1, Max: 100},
		},
		Mutants: []string{AckBeforeSync},
		Groups:  []string{Key(0)}, Resolve: resolve,
		New: func(p *trialrun.Plan) *trialrun.Cast { return cast(p, blackBox) },
	}
}

// resolve finds who plays a role. Nobody leads here; the nearest thing is the
// server that knows the newest value of a key, and one that does not.
func resolve(w *sim.World, p *trialrun.Plan, role, of string) (engine.NodeID, bool) {
	var newest, oldest engine.NodeID
	var high, low Tag
	for i := range p.Servers {
		id := trialrun.ServerID(i)
		s, ok := w.Program(id).(*Server)
		if !ok {
			continue // it does not run
		}
		tag := s.Newest(of)
		if newest == 0 || high.Less(tag) {
			newest, high = id, tag
		}
		if oldest == 0 || !low.Less(tag) {
			oldest, low = id, tag
		}
	}
	if role == faults.Leader {
		return newest, newest != 0
	}
	return oldest, oldest != newest
}

func addr(id engine.NodeID) string { return fmt.Sprintf("%s:7000", trialrun.Name(id)) }

// cast makes the programs and judges of one run.
func cast(p *trialrun.Plan, blackBox bool) *trialrun.Cast {
	c := &trialrun.Cast{}
	h := &History{}
	var servers []string
	for i := range p.Servers {
		servers = append(servers, addr(trialrun.ServerID(i)))
	}
	for i := range p.Servers {
		cfg := ServerConfig{
			Servers: servers, Self: i, SyncDelay: clock.Ms(p.Knob("sync.delay.ms")), AckBeforeSync: p.Mutant == AckBeforeSync,
		}
		c.Servers = append(c.Servers, trialrun.Node{
			New: func() engine.Program { return NewServer(cfg) }, Listeners: []string{servers[i]}, Volumes: 1,
		})
	}
	for range p.Clients {
		cfg := ClientConfig{
			Servers: servers, Keys: int(p.Knob("keys")), WritePercent: p.Knob("write.percent"),
			Think: clock.Ms(p.Knob("think.ms")), History: h,
		}
		c.Clients = append(c.Clients, trialrun.Node{New: func() engine.Program { return NewClient(cfg) }})
	}
	c.Judges = append(c.Judges, &Linear{h})
	if !blackBox {
		c.Judges = append(c.Judges, &Promises{})
	}
	c.Progress = progress(p, h)
	return c
}

// progress wants every client to have been served since the faults were healed.
func progress(p *trialrun.Plan, h *History) func(w *sim.World) string {
	began := -1
	return func(w *sim.World) string {
		if began < 0 {
			began = len(h.Ops) // it is asked for the first time right after healing
		}
		served := map[engine.NodeID]bool{}
		for i := range h.Ops[began:] {
			if o := &h.Ops[began+i]; o.Ended != never {
				served[o.Client] = true
			}
		}
		for i := range p.Clients {
			if id := trialrun.ClientID(i); !served[id] {
				return trialrun.Name(id) + " has had no answer since"
			}
		}
		return ""
	}
}
