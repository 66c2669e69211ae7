package serve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"trial/engine/kafka"
)

const (
	// startLimit bounds how long Start waits until all brokers serve. Recovery of
	// large logs after a crash is what may take long.
	startLimit = 2 * time.Minute
	readyPoll  = time.Millisecond
)

// await waits until every broker serves and knows that all others do, so that
// whatever a client asks first finds the whole cluster.
func (c *Cluster) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		behind, err := c.behind()
		if err != nil || len(behind) == 0 {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return fmt.Errorf("start was called off: %w", ctx.Err())
			}
			return fmt.Errorf("the cluster does not serve after %s: %s", startLimit, strings.Join(behind, "; "))
		}
	}
}

// behind says what is missing; an error if a broker has ended.
func (c *Cluster) behind() (missing []string, err error) {
	for id := int32(1); id <= int32(c.cfg.Brokers); id++ {
		state, sees := kafka.NotRunning, 0
		ask := func(b *kafka.Broker) {
			state = b.State()
			for _, other := range b.Image().Brokers() {
				if other.ID <= int32(c.cfg.Brokers) && other.Active() {
					sees++
				}
			}
		}
		switch err := c.Do(id, ask); {
		case err != nil:
			return nil, fmt.Errorf("broker %d ended: %w", id, c.whyEnded(id))
		case state != kafka.Running:
			missing = append(missing, fmt.Sprintf("broker %d is %v", id, state))
		case sees < c.cfg.Brokers:
			missing = append(missing, fmt.Sprintf("broker %d knows of %d brokers that serve, of %d", id, sees, c.cfg.Brokers))
		}
	}
	return missing, nil
}

func (c *Cluster) whyEnded(id int32) error {
	if err := c.Wait(id); err != nil {
		return err
	}
	return errors.New("it stopped without an error")
}
