// Package simtest runs a simulated Kafka cluster inside go test: a function of
// yours produces, consumes, breaks things and checks, once per seed, in virtual
// time, and all judges of Trial watch.
//
//	func TestOrders(t *testing.T) {
//		simtest.Run(t, simtest.Config{Topics: []simtest.Topic{{Name: "orders", Partitions: 3}}}, func(c *simtest.Cluster) {
//			shop, audit := c.Producer("shop"), c.Consumer("audit", "orders")
//			shop.SendEvery(20*time.Millisecond, 100, "orders", func(i int) (key, value string) { return "k", fmt.Sprint(i) })
//			c.Fault("kill leader of orders-0 for 3s")
//			c.Await(shop.Acked(100), audit.Delivered(100))
//		})
//	}
//
// Every seed is a subtest and runs twice; the two trace hashes must be equal. A
// failure, of a judge or of the function, prints the verdict, the few faults that
// it takes, and the line that replays it.
//
// The environment chooses the seeds: SIM_SEED=0x2a runs one, SIM_RUNS=1000 runs so
// many, SIM_PLAN=FILE runs a plan that a failure has left; -short runs few.
//
// # Invariants
//
//   - a run depends on the seed and the function alone; the seeds of a test follow
//     from its name
//   - the function runs again for every seed, for every repetition and for every
//     step of shrinking: what it needs it must make itself
//   - after a failure the same verdict is what shrinking keeps
//
// Not here: the run itself (sim/cluster), the rules (checks), drawn plans for
// property tests (sim/simtest/gen).
package simtest
