package bubble

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

// watchdog runs outside the bubble, on the machine's clock, and ends the process
// when virtual time stands still: synctest does not count a goroutine that waits
// for a mutex as blocked, and then nobody can.
type watchdog struct {
	virtual atomic.Int64
	off     atomic.Bool
	stop    chan struct{}
}

func watch(patience time.Duration) *watchdog {
	w := &watchdog{stop: make(chan struct{})}
	go w.run(patience)
	return w
}

func (w *watchdog) run(patience time.Duration) {
	tick := time.NewTicker(max(patience/20, 50*time.Millisecond))
	defer tick.Stop()
	last, since := int64(-1), time.Now()
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
		if v := w.virtual.Load(); v != last || w.off.Load() {
			last, since = v, time.Now()
			continue
		}
		if time.Since(since) < patience {
			continue
		}
		stacks := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "%s\n", stacks[:runtime.Stack(stacks, true)])
		panic(fmt.Sprintf("bubble: virtual time has stood still at %v for %v of wall clock: a goroutine of the bubble computes, or waits for what synctest does not count as blocked (a sync.Mutex, a real socket, a channel made outside the bubble); all stacks are above",
			time.Duration(last), patience))
	}
}

// at says how far virtual time has come.
func (w *watchdog) at(v time.Duration) { w.virtual.Store(int64(v)) }

// rest ends the watch for the time in which only the world runs: it has limits of
// its own.
func (w *watchdog) rest() { w.off.Store(true) }
