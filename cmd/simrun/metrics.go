package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"trial/engine/kafka"
	"trial/host/serve"
)

// serveMetrics serves /metrics and /debug/pprof on addr until the returned
// function is called.
func serveMetrics(addr string, c *serve.Cluster) (func(), error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--metrics %s: %w", addr, err)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &collector{c, descriptions()})
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // returns when closed
	}()
	return func() {
		_ = srv.Close()
		<-done
	}, nil
}

// collector asks every running broker for its metrics at each scrape.
type collector struct {
	cluster *serve.Cluster
	descs   map[string]*prometheus.Desc
}

// descriptions are made once a name, by the broker's own list of metrics.
func descriptions() map[string]*prometheus.Desc {
	d := map[string]*prometheus.Desc{}
	(&kafka.Metrics{}).Each(func(name string, _ bool, _ int64) {
		d[name] = prometheus.NewDesc(name, "Kafka's metric of that name, of one broker.", []string{"broker"}, nil)
	})
	return d
}

// Describe names every metric.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect asks the brokers, each in an event of its own loop.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	for i := range c.cluster.Addrs() {
		id := int32(i + 1)
		var got kafka.Metrics
		if c.cluster.Do(id, func(b *kafka.Broker) { got = b.Metrics() }) != nil {
			continue // it has ended: a scrape of what is left is worth more than an error
		}
		got.Each(func(name string, counter bool, value int64) {
			kind := prometheus.GaugeValue
			if counter {
				kind = prometheus.CounterValue
			}
			out <- prometheus.MustNewConstMetric(c.descs[name], kind, float64(value), strconv.Itoa(int(id)))
		})
	}
}
