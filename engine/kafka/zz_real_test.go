package kafka_test

import (
	"bytes"
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"trial/host/serve"
)

func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(0, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func TestReal(t *testing.T) {
	c, err := serve.Start(serve.Config{Brokers: 3, Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t0 := time.Now()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Addrs()...), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	adm := kadm.NewClient(cl)
	r, err := adm.CreateTopics(ctx, 3, 3, nil, "t")
	fmt.Println("create", r, err, time.Since(t0))
	v := bytes.Repeat([]byte("x"), 100)
	c0 := cpu()
	t1 := time.Now()
	n := 1000000
	for i := 0; i < n; i++ {
		cl.Produce(ctx, &kgo.Record{Topic: "t", Value: v}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := cl.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	fmt.Println("produced", time.Since(t1), "cpu incl client", cpu()-c0)
	cl.AddConsumeTopics("t"); got := 0
	c0 = cpu()
	t1 = time.Now()
	for got < n {
		fs := cl.PollFetches(ctx)
		if e := fs.Errors(); len(e) > 0 {
			t.Fatal(e)
		}
		got += fs.NumRecords()
	}
	fmt.Println("fetched", got, time.Since(t1), "cpu incl client", cpu()-c0)
	d, err := adm.DescribeTopicConfigs(ctx, "t")
	fmt.Println(len(d), err)
	lo, err := adm.ListEndOffsets(ctx, "t")
	fmt.Println(lo, err)
	m, err := adm.Metadata(ctx)
	fmt.Println(m.Brokers.NodeIDs(), m.Controller, err)
	cl.Close()
	ctx2, cancel2 := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel2()
	t1 = time.Now()
	fmt.Println("stop", c.Stop(ctx2), time.Since(t1))
}
