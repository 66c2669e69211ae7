package cluster

import (
	"trial/engine"
	"trial/sim"
)

// Guest is a node of a Live run whose program the plan does not know: the machine
// on which a user's own client runs.
type Guest struct {
	Name    string // such as app; faults name it like a client
	Program engine.Program
}

func (w *world) guestSpecs() []sim.NodeSpec {
	var specs []sim.NodeSpec
	for i, g := range w.guests {
		specs = append(specs, sim.NodeSpec{ID: GuestID(i), Factory: func() engine.Program { return g.Program }})
	}
	return specs
}

// GuestID is the node of the i-th guest.
func GuestID(i int) engine.NodeID { return firstGuestID + engine.NodeID(i) }

func (w *world) guest(name string) (engine.NodeID, bool) {
	for i := range w.guests {
		if w.guests[i].Name == name {
			return GuestID(i), true
		}
	}
	return 0, false
}

func (w *world) guestNames() []string {
	var names []string
	for i := range w.guests {
		names = append(names, w.guests[i].Name)
	}
	return names
}
