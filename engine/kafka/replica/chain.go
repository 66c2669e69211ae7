package replica

// chain is an intrusive list: an element carries its own link, so that putting one
// in allocates nothing and taking one out needs no search.
type chain[T any] struct{ head, tail *linked[T] }

// linked is what an element embeds to be in one chain at a time.
type linked[T any] struct {
	of         T // the element itself while it is in a chain
	in         *chain[T]
	prev, next *linked[T]
}

func (c *chain[T]) empty() bool { return c.head == nil }

// first is the element at the head of a chain that is not empty.
func (c *chain[T]) first() T { return c.head.of }

// insertAfter puts an element behind another one; behind nil is the head.
func (c *chain[T]) insertAfter(at, l *linked[T], of T) {
	l.of, l.in, l.prev = of, c, at
	if at != nil {
		l.next = at.next
		at.next = l
	} else {
		l.next = c.head
		c.head = l
	}
	if l.next != nil {
		l.next.prev = l
	} else {
		c.tail = l
	}
}

// unlink takes an element out of its chain, if it is in one.
func (l *linked[T]) unlink() {
	c := l.in
	if c == nil {
		return
	}
	if l.prev != nil {
		l.prev.next = l.next
	} else {
		c.head = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	} else {
		c.tail = l.prev
	}
	*l = linked[T]{}
}
