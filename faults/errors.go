package faults

import (
	"fmt"
	"strings"
)

// UnknownNodeError is returned by Check.
type UnknownNodeError struct {
	Fault Fault
	Node  string
	Nodes []string
}

func (e *UnknownNodeError) Error() string {
	return fmt.Sprintf("fault %q names the node %q; this cluster has %s", e.Fault.At.String()+" "+e.Fault.String(), e.Node, strings.Join(e.Nodes, ", "))
}
