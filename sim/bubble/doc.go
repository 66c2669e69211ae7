// Package bubble runs a simulated cluster inside a testing/synctest bubble, so
// that a user's own Kafka client, goroutines and all, talks to the simulated
// brokers through a net.Conn: franz-go, sarama, kafka-go, unmodified, in virtual
// time, while brokers are killed and links cut.
//
// One goroutine, the driver, owns the world. It sleeps (bubble time) until
// something can reach a client, brings the world to that instant, hands over what
// arrived, one event at a time, and waits until every goroutine of the bubble is
// blocked before it takes what they wrote. Bubble time and world time are one
// clock with a fixed offset. See docs/CLIENTS.md for how to use it, for what is
// covered and for what stands in the way of replaying such a run.
//
// # Invariants
//
//   - only the driver touches the world; clients leave what they want in a box
//   - the world is never ahead of bubble time, so a write takes effect at the
//     instant at which it was made
//   - what several goroutines did at one instant is taken in a fixed order
//   - bytes enter the simulated network as whole Kafka frames, however they were written
//   - nothing here blocks on a mutex for longer than it takes to copy bytes
//
// Not here: determinism of the client's own goroutines, TLS, real sockets, how a
// cluster is built and judged (sim/cluster), any particular client (sim/bubble/acked).
package bubble
