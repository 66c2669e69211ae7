package trialrun

import (
	"slices"

	"trial/clock"
)

// HuntOptions are the options of a hunt.
type HuntOptions struct {
	// Options fix what they fix in every plan.
	Options
	// All goes on after the first failure, to the last seed.
	All bool
	// VerifyOneIn runs one seed in so many twice and compares, the first one always;
	// 64 if zero, 1 for every seed.
	VerifyOneIn int
	// Each, if not nil, hears of every run.
	Each func(r *Result)
}

// Hunted is the outcome of a hunt.
type Hunted struct {
	Seeds       int
	Failed      []Result
	Events      uint64
	Virtual     clock.Duration
	Faults      int
	Evaluations []Evaluation // over all runs
}

// Hunt runs the plans of so many seeds, the first one given, until one fails.
func (s *System) Hunt(first uint64, seeds int, o HuntOptions) (Hunted, error) {
	var h Hunted
	oneIn := o.VerifyOneIn
	if oneIn <= 0 {
		oneIn = 64
	}
	for i := range seeds {
		p, err := s.Draw(first+uint64(i), o.Options)
		if err != nil {
			return h, err
		}
		execute := s.Run
		if i%oneIn == 0 {
			execute = s.Verify
		}
		r := execute(p, RunOptions{})
		h.add(&r)
		if o.Each != nil {
			o.Each(&r)
		}
		if r.Failed() && !o.All {
			break
		}
	}
	return h, nil
}

func (h *Hunted) add(r *Result) {
	h.Seeds++
	h.Events += r.Events
	h.Virtual += r.Virtual
	h.Faults += r.Faults
	if r.Failed() {
		h.Failed = append(h.Failed, *r)
	}
	for _, e := range r.Evaluations {
		i := slices.IndexFunc(h.Evaluations, func(x Evaluation) bool { return x.Rule == e.Rule })
		if i < 0 {
			h.Evaluations = append(h.Evaluations, e)
			continue
		}
		h.Evaluations[i].Evaluated += e.Evaluated
		h.Evaluations[i].Failed += e.Failed
	}
}
