package faults

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNobody is why a fault that is aimed at a role strikes nobody.
var ErrNobody = errors.New("nobody plays that role now")

// UnknownNodeError is returned by Check.
type UnknownNodeError struct {
	Fault Fault
	Node  string
	Nodes []string
}

func (e *UnknownNodeError) Error() string {
	return fmt.Sprintf("fault %q names the node %q; this cluster has %s", e.Fault.When()+" "+e.Fault.String(), e.Node, strings.Join(e.Nodes, ", "))
}
