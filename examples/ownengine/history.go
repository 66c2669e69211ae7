package ownengine

import (
	"fmt"

	"trial/clock"
	"trial/engine"
	"trial/sim/trialrun"
)

// History is what clients saw, in one order. Its clock counts events: two that
// happen at one instant have an order all the same.
type History struct {
	Ops    []Op
	events int64
}

// Op is one get or put.
type Op struct {
	Client     engine.NodeID
	Put        bool
	Key, Value string
	// Began and Ended number the events; Ended is never if the client was not told
	// how it ended.
	Began, Ended     int64
	BeganAt, EndedAt clock.Instant
	// Void is a get without an answer: it says nothing.
	Void bool
}

const never = int64(1)<<62 - 1

// Begin notes that a client has asked, and returns which operation it is.
func (h *History) Begin(client engine.NodeID, put bool, key, value string, at clock.Instant) int {
	h.events++
	h.Ops = append(h.Ops, Op{
		Client: client, Put: put, Key: key, Value: value, Began: h.events, Ended: never, BeganAt: at, Void: !put,
	})
	return len(h.Ops) - 1
}

// End notes that an operation succeeded; value is what a get returned.
func (h *History) End(op int, value string, at clock.Instant) {
	h.events++
	o := &h.Ops[op]
	o.Ended, o.EndedAt, o.Void = h.events, at, false
	if !o.Put {
		o.Value = value
	}
}

func (o *Op) String() string {
	what := "get"
	if o.Put {
		what = "put"
	}
	end := "no answer"
	if o.Ended != never {
		end = o.EndedAt.String()
	}
	return fmt.Sprintf("%s %q by %s (%v to %s)", what, o.Value, trialrun.Name(o.Client), o.BeganAt, end)
}
