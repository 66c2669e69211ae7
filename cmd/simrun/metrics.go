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
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &collector{c})
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
type collector struct{ cluster *serve.Cluster }

// metric is one Kafka metric: its name with kafka_ in front and dots as
// underscores, as Kafka's own Prometheus exporters write it.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*kafka.Metrics) float64
}

func gauge(name, help string, v func(*kafka.Metrics) int) metric {
	return metric{prometheus.NewDesc("kafka_"+name, help, []string{"broker"}, nil), prometheus.GaugeValue,
		func(m *kafka.Metrics) float64 { return float64(v(m)) }}
}

func counter(name, help string, v func(*kafka.Metrics) int64) metric {
	return metric{prometheus.NewDesc("kafka_"+name, help, []string{"broker"}, nil), prometheus.CounterValue,
		func(m *kafka.Metrics) float64 { return float64(v(m)) }}
}

var metrics = []metric{
	gauge("server_ReplicaManager_PartitionCount", "replicas on this broker", func(m *kafka.Metrics) int { return m.PartitionCount }),
	gauge("server_ReplicaManager_LeaderCount", "partitions this broker leads", func(m *kafka.Metrics) int { return m.LeaderCount }),
	gauge("server_ReplicaManager_UnderReplicatedPartitions", "led partitions with replicas out of the ISR", func(m *kafka.Metrics) int { return m.UnderReplicatedPartitions }),
	gauge("server_ReplicaManager_UnderMinIsrPartitionCount", "led partitions with fewer in-sync replicas than min.insync.replicas", func(m *kafka.Metrics) int { return m.UnderMinISRPartitionCount }),
	gauge("server_ReplicaManager_AtMinIsrPartitionCount", "led partitions with just min.insync.replicas in sync", func(m *kafka.Metrics) int { return m.AtMinISRCount }),
	gauge("server_ReplicaManager_OfflineReplicaCount", "replicas on failed volumes", func(m *kafka.Metrics) int { return m.OfflineReplicaCount }),
	gauge("server_ReplicaFetcherManager_FailedPartitionsCount", "partitions that stopped fetching", func(m *kafka.Metrics) int { return m.FailedPartitions }),
	counter("server_BrokerTopicMetrics_BytesIn_total", "record bytes produced by clients", func(m *kafka.Metrics) int64 { return m.BytesIn }),
	counter("server_BrokerTopicMetrics_BytesOut_total", "record bytes fetched by clients", func(m *kafka.Metrics) int64 { return m.BytesOut }),
	counter("server_BrokerTopicMetrics_MessagesIn_total", "records produced by clients", func(m *kafka.Metrics) int64 { return m.MessagesIn }),
	counter("server_BrokerTopicMetrics_ReplicationBytesIn_total", "record bytes fetched from leaders", func(m *kafka.Metrics) int64 { return m.ReplicationBytesIn }),
	counter("server_BrokerTopicMetrics_ReplicationBytesOut_total", "record bytes fetched by followers", func(m *kafka.Metrics) int64 { return m.ReplicationBytesOut }),
	counter("server_BrokerTopicMetrics_FailedProduceRequests_total", "produce requests that failed", func(m *kafka.Metrics) int64 { return m.FailedProduceRequests }),
	counter("network_RequestMetrics_Requests_total", "requests handled", func(m *kafka.Metrics) int64 { return m.Requests }),
	gauge("network_SocketServer_connection_count", "open connections", func(m *kafka.Metrics) int { return m.Connections }),
	gauge("server_DelayedOperationPurgatory_PurgatorySize_Fetch", "fetches that wait for data", func(m *kafka.Metrics) int { return m.DelayedFetches }),
	gauge("controller_KafkaController_ActiveControllerCount", "1 on the active controller", func(m *kafka.Metrics) int { return m.ActiveControllerCount }),
	gauge("controller_KafkaController_GlobalTopicCount", "topics (active controller)", func(m *kafka.Metrics) int { return m.GlobalTopicCount }),
	gauge("controller_KafkaController_GlobalPartitionCount", "partitions (active controller)", func(m *kafka.Metrics) int { return m.GlobalPartitionCount }),
	gauge("controller_KafkaController_OfflinePartitionsCount", "partitions without a leader (active controller)", func(m *kafka.Metrics) int { return m.OfflinePartitionsCount }),
	gauge("controller_KafkaController_PreferredReplicaImbalanceCount", "partitions not led by their preferred replica (active controller)", func(m *kafka.Metrics) int { return m.PreferredReplicaImbalanceCount }),
	gauge("controller_KafkaController_FencedBrokerCount", "fenced brokers (active controller)", func(m *kafka.Metrics) int { return m.FencedBrokerCount }),
	gauge("controller_KafkaController_ActiveBrokerCount", "unfenced brokers (active controller)", func(m *kafka.Metrics) int { return m.ActiveBrokerCount }),
	gauge("controller_KafkaController_LastAppliedRecordOffset", "metadata offset applied", func(m *kafka.Metrics) int { return int(m.LastAppliedRecordOffset) }),
}

// Describe names every metric.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range metrics {
		out <- m.desc
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
		for _, m := range metrics {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(&got), strconv.Itoa(int(id)))
		}
	}
}
