//go:build !linux

package tcpnet

// Elsewhere every write is left to the writer goroutine, and regions are copied.
const (
	canWriteNow = false
	canSendfile = false
)

type ioState struct{}

func readNow(*piece, []byte) bool                    { return false }
func (o *output) writeNow([]piece) (int, error)      { return 0, nil }
func (o *output) sendmsg([]piece, bool) (int, error) { return 0, nil }
func (o *output) sendfile(p *piece) error            { return o.copyRegion(p) }
