package host

import (
	"runtime"
	"runtime/debug"
	"sync"

	"trial/engine"
)

// jobs is the pool of workers for offloaded jobs.
type jobs struct {
	m     *machine
	limit int

	mu      sync.Mutex
	cond    *sync.Cond
	queue   []*engine.Job
	idle    int
	workers int
	ended   bool
	tasks   sync.WaitGroup
}

func (j *jobs) init(m *machine, limit int) {
	if limit <= 0 {
		limit = runtime.GOMAXPROCS(0)
	}
	j.m, j.limit = m, limit
	j.cond = sync.NewCond(&j.mu)
}

func (m *machine) Offload(job *engine.Job) {
	if m.exited {
		return
	}
	j := &m.jobs
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue = append(j.queue, job)
	switch {
	case j.idle > 0:
		j.cond.Signal()
	case j.workers < j.limit:
		j.workers++
		j.tasks.Add(1)
		go j.work()
	}
}

func (j *jobs) work() {
	defer j.tasks.Done()
	for {
		job := j.take()
		if job == nil {
			return
		}
		if err := run(job); err != nil {
			j.m.in.post(event{kind: evCrash, err: err})
			return
		}
		j.m.in.post(event{kind: evJob, x: job})
	}
}

func (j *jobs) take() *engine.Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.queue) == 0 && !j.ended {
		j.idle++
		j.cond.Wait()
		j.idle--
	}
	if j.ended {
		return nil
	}
	job := j.queue[0]
	j.queue[0] = nil
	if j.queue = j.queue[1:]; len(j.queue) == 0 {
		j.queue = nil
	}
	return job
}

// run keeps a panic of the job from the other nodes of the process.
func run(job *engine.Job) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Crash{Reason: r, Stack: debug.Stack()}
		}
	}()
	job.Run()
	return nil
}

// end waits for the jobs that run and drops the others.
func (j *jobs) end() {
	j.mu.Lock()
	j.ended = true
	j.cond.Broadcast()
	j.mu.Unlock()
	j.tasks.Wait()
}
