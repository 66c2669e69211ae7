package ownengine

import (
	"context"
	"net"
	"testing"
	"time"

	"trial/clock"
	"trial/engine"
	"trial/host"
	"trial/sim/trialrun"
)

// The same programs on sockets and files: three servers, of which one is killed
// and started again while a client works.
func TestTheStoreRunsOnSocketsAndFiles(t *testing.T) {
	var listeners []net.Listener
	var servers []string
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners, servers = append(listeners, l), append(servers, l.Addr().String())
	}
	group := host.NewGroup()
	defer group.Kill()
	for i, l := range listeners {
		_, err := group.Start(host.Spec{
			ID: trialrun.ServerID(i), Factory: func() engine.Program { return NewServer(ServerConfig{Servers: servers, Self: i}) },
			Listeners: []host.Listener{{Bound: l}}, Volumes: []string{t.TempDir()},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	h := &History{}
	life := engine.Incarnation(0) // of the client: no two of its lives put the same values
	work := func(ops int) {
		t.Helper()
		life++
		cfg := ClientConfig{Servers: servers, Keys: 2, WritePercent: 50, Think: clock.Microsecond, Ops: ops, History: h}
		n, err := host.Start(host.Spec{
			ID: trialrun.ClientID(0), Incarnation: life, Factory: func() engine.Program { return NewClient(cfg) },
		})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-n.Done():
			if err := n.Wait(); err != nil {
				t.Fatal(err)
			}
		case <-time.After(30 * time.Second):
			n.Kill()
			t.Fatalf("the client has done %d of its operations and got stuck", len(h.Ops))
		}
	}
	work(100)
	group.Node(trialrun.ServerID(1)).Kill()
	work(100)
	if _, err := group.Restart(trialrun.ServerID(1)); err != nil {
		t.Fatal(err)
	}
	group.Node(trialrun.ServerID(0)).Kill()
	work(100)
	var out trialrun.Findings
	(&Linear{h}).End(trialrun.End{}, &out)
	for _, v := range out.Violations() {
		t.Error(v.Reason)
	}
	if len(h.Ops) < 300 {
		t.Errorf("%d operations, want at least 300", len(h.Ops))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := group.Stop(ctx); err != nil {
		t.Error(err)
	}
}
