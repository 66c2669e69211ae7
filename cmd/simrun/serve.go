package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"trial/host/serve"
)

// serveCommand runs a real cluster.
type serveCommand struct {
	cfg      serve.Config
	set      []string
	logLevel string
	metrics  string
}

// stopGrace bounds an orderly stop.
const stopGrace = 30 * time.Second

func newServe() *cobra.Command {
	s := &serveCommand{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve ordinary Kafka clients with the same engine",
		Long: `serve runs a Kafka cluster for real, in this process: broker k listens on the
port of --listen plus k - 1. It ends in an orderly way on SIGINT and SIGTERM.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	f := cmd.Flags()
	f.IntVar(&s.cfg.Brokers, "brokers", 1, "brokers in the cluster")
	f.StringVar(&s.cfg.Listen, "listen", "127.0.0.1:9092", "`address` of broker 1")
	f.StringVar(&s.cfg.Advertise, "advertise", "", "`host` that clients are told (default: that of --listen)")
	f.StringVar(&s.cfg.Data, "data", "", "data `directory` (default: a temporary one)")
	f.StringSliceVar(&s.cfg.Racks, "racks", nil, "rack of each broker, as in r1,r2,r3")
	f.StringArrayVar(&s.set, "set", nil, "broker config as `config=value`, by Kafka's name; repeatable")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&s.metrics, "metrics", "", "serve Prometheus metrics and pprof on `address`")
	return cmd
}

func (s *serveCommand) run(cmd *cobra.Command) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil || strings.ContainsAny(s.logLevel, "+-") {
		return usagef("--log-level %q is none of debug, info, warn, error", s.logLevel)
	}
	if s.cfg.Brokers < 1 || s.cfg.Brokers > serve.MaxBrokers {
		return usagef("--brokers %d: a cluster has 1 to %d", s.cfg.Brokers, serve.MaxBrokers)
	}
	s.cfg.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
	set, err := parseSet(s.set)
	if err != nil {
		return err
	}
	s.cfg.Settings = map[string]string{}
	for _, kv := range set {
		s.cfg.Settings[kv.Key] = kv.Value
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := serve.Start(ctx, s.cfg)
	if ctx.Err() != nil && c == nil {
		return nil // told to end before it served
	}
	if err != nil {
		return usageError{err}
	}
	closeMetrics := func() {}
	if s.metrics != "" {
		if closeMetrics, err = serveMetrics(s.metrics, c); err != nil {
			c.KillAll()
			return usageError{err}
		}
	}
	defer closeMetrics()
	fmt.Fprintf(cmd.OutOrStdout(), "serving %s\n", strings.Join(c.Addrs(), ","))
	return s.wait(ctx, cmd, c)
}

// wait returns when a signal came or no broker is left.
func (s *serveCommand) wait(ctx context.Context, cmd *cobra.Command, c *serve.Cluster) error {
	var running sync.WaitGroup
	for id := int32(1); id <= int32(s.cfg.Brokers); id++ {
		running.Go(func() {
			if err := c.Wait(id); err != nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "simrun: broker %d ended: %v\n", id, err)
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		running.Wait()
		close(ended)
	}()
	select {
	case <-ctx.Done():
	case <-ended:
		c.KillAll()
		return errors.New("no broker is left")
	}
	grace, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	err := c.Stop(grace)
	<-ended
	return err
}
