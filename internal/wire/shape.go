package wire

//go:generate go run ./shapegen

// shape lists the fields of a message or of a group in it, in wire order.
type shape []field

// field is one field of a message.
type field struct {
	min, max int16 // versions that have it
	tag      int16 // -1: not a tagged field
	kind     kind
	size     uint8 // of a fixed field, in bytes
	plain    bool  // an array whose elements have no tags of their own
	sub      shape // of groups and arrays
}

type kind uint8

const (
	fixed         kind = iota
	str                // string or nullable string
	blob               // bytes, nullable bytes, records
	array              // of groups, or plain
	group              // a struct in place
	nullableGroup      // a struct behind a byte that is -1 for null
)

func requestShape(key int16) shape  { return requestShapes[key] }
func responseShape(key int16) shape { return responseShapes[key] }
