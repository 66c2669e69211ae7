package serve_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"trial/engine/kafka"
	"trial/host"
	"trial/host/serve"
)

func TestWhatStartReturnsServesAtOnce(t *testing.T) {
	c := start(t, serve.Config{Brokers: 3, Racks: []string{"a", "b", "c"}})
	for _, addr := range c.Addrs() { // each broker alone knows all of them
		cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
		if err != nil {
			t.Fatal(err)
		}
		md, err := kadm.NewClient(cl).BrokerMetadata(t.Context())
		cl.Close()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range md.Brokers {
			got = append(got, fmt.Sprintf("%d %s:%d %s", b.NodeID, b.Host, b.Port, *b.Rack))
		}
		for i, want := range c.Addrs() {
			if want = fmt.Sprintf("%d %s %c", i+1, want, 'a'+i); len(got) != 3 || got[i] != want {
				t.Errorf("metadata of %s has brokers %q, broker %d is %q", addr, got, i+1, want)
			}
		}
		if md.Cluster != c.ClusterID() || md.Controller < 1 {
			t.Errorf("metadata of %s: cluster %q, controller %d", addr, md.Cluster, md.Controller)
		}
	}
	create(t, client(t, c), "t", 6, 3)
	stop(t, c)
}

func TestDataOutlivesTheCluster(t *testing.T) {
	for _, orderly := range []bool{true, false} {
		t.Run(fmt.Sprintf("orderly=%v", orderly), func(t *testing.T) {
			cfg := serve.Config{Brokers: 3, Data: t.TempDir(), Settings: quick}
			c := start(t, cfg)
			id := c.ClusterID()
			cl := client(t, c, kgo.DefaultProduceTopic("t"))
			create(t, cl, "t", 3, 3)
			const total = 10_000
			for i := range total {
				cl.Produce(t.Context(), &kgo.Record{Value: numbered(nil, uint64(i))}, func(_ *kgo.Record, err error) {
					if err != nil {
						t.Error(err)
					}
				})
			}
			if err := cl.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			cl.Close()
			if orderly {
				stop(t, c)
			} else {
				c.KillAll()
			}
			c = start(t, cfg)
			if c.ClusterID() != id {
				t.Errorf("cluster id %s became %s", id, c.ClusterID())
			}
			readBack(t, c, "t", total)
			stop(t, c)
		})
	}
}

func TestStartSaysWhatItCannotHave(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	held := t.TempDir()
	start(t, serve.Config{Data: held})
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	foreign := func(node, props string) string {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, node), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, node, "meta.properties"), props)
		return dir
	}
	const other = "#\nversion=1\nnode.id=%d\ncluster.id=%s\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\n"
	mixed := foreign("n1", fmt.Sprintf(other, 1, "AAAAAAAAAAAAAAAAAAAAAA"))
	if err := os.Mkdir(filepath.Join(mixed, "n2"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(mixed, "n2", "meta.properties"), fmt.Sprintf(other, 2, "BBBBBBBBBBBBBBBBBBBBBQ"))
	for _, x := range []struct {
		name string
		cfg  serve.Config
		want string
	}{
		{"port in use", serve.Config{Listen: taken.Addr().String()}, "broker 1 cannot listen on " + taken.Addr().String()},
		{"data in use", serve.Config{Data: held}, "is in use"},
		{"data is a file", serve.Config{Data: file}, "not a directory"},
		{"data of another node", serve.Config{Data: foreign("n1", fmt.Sprintf(other, 7, "AAAAAAAAAAAAAAAAAAAAAA"))}, "belongs to node 7, not to node 1"},
		{"data of two clusters", serve.Config{Brokers: 2, Data: mixed}, "belongs to cluster BBBBBBBBBBBBBBBBBBBBBQ"},
		{"damaged meta.properties", serve.Config{Data: foreign("n1", "version=1\n")}, "node.id"},
		{"old meta.properties", serve.Config{Data: foreign("n1", "version=0\nnode.id=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\n")}, "version"},
		{"unknown setting", serve.Config{Settings: map[string]string{"min.insync.replica": "2"}}, "did you mean min.insync.replicas"},
		{"no port left", serve.Config{Brokers: 3, Listen: "127.0.0.1:65534"}, "65535"},
		{"nobody can connect to that", serve.Config{Listen: "0.0.0.0:0"}, "advertise"},
		{"racks for others", serve.Config{Brokers: 3, Racks: []string{"a"}}, "1 racks for 3 brokers"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c, err := serve.Start(t.Context(), x.cfg)
			if err == nil {
				c.KillAll()
				t.Fatal("it starts")
			}
			if !strings.Contains(err.Error(), x.want) {
				t.Errorf("error is %q, must say %q", err, x.want)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestStartCanBeCalledOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := serve.Start(ctx, serve.Config{Brokers: 3}); !errors.Is(err, context.Canceled) {
		if c != nil {
			c.KillAll()
		}
		t.Errorf("Start with a context that is over returns %v", err)
	}
}

// A broken invariant ends the broker that found it; the others go on.
func TestBrokenInvariantStopsOneBrokerAlone(t *testing.T) {
	c := start(t, serve.Config{Brokers: 3, Settings: quick})
	cl := client(t, c)
	create(t, cl, "t", 3, 3)
	if err := c.Do(2, func(*kafka.Broker) { panic("broken") }); !errors.Is(err, host.ErrEnded) {
		t.Fatalf("the call returns %v", err)
	}
	var crash *host.Crash
	if err := c.Wait(2); !errors.As(err, &crash) || crash.Reason != "broken" {
		t.Fatalf("broker 2 ended with %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for p := range int32(3) {
		r := &kgo.Record{Topic: "t", Value: []byte("after")}
		if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatalf("partition %d: %v", p, err)
		}
	}
	if !c.Running(1) || c.Running(2) || !c.Running(3) {
		t.Error("not just broker 2 has ended")
	}
	cl.Close()
	stop(t, c)
}
