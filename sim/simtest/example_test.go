package simtest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"trial/sim/simtest"
)

func TestOrders(t *testing.T) {
	cfg := simtest.Config{
		Topics: []simtest.Topic{{Name: "orders", Partitions: 3}},
		Set:    map[string]string{"min.insync.replicas": "2"},
		Faults: simtest.Budget, // random faults that Kafka's promises must survive
	}
	simtest.Run(t, cfg, func(c *simtest.Cluster) {
		shop, audit := c.Producer("shop"), c.Consumer("audit", "orders")
		shop.SendEvery(20*time.Millisecond, 500, "orders", func(i int) (key, value string) { return "", fmt.Sprint("order ", i) })
		c.Await(audit.Delivered(10))
		c.Fault("kill leader of orders-0 for 3s")
		c.Await(shop.Settled())
		c.Calm()
		c.Await(audit.HasAllOf(shop))
	})
}

// What the README shows is the test above, word for word.
func TestTheReadmeShowsWhatCompiles(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	code := string(self)
	code = code[strings.Index(code, "func TestOrders"):]
	code = code[:strings.Index(code, "\n}\n")+3]
	if !strings.Contains(string(readme), code) {
		t.Errorf("README.md does not show\n%s", code)
	}
}
