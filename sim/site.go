package sim

import "trial/engine"

// site is a buggify site of the run.
type site struct {
	active bool
	oneIn  int64
}

// siteOf decides once per run whether a site is active and how rare its choice is.
func (w *World) siteOf(name string) *site {
	s := w.sites[name]
	if s == nil {
		draw := engine.NewStream(w.opt.Seed, "buggify."+name)
		b := w.opt.Buggify
		s = &site{active: draw.Chance(b.Active, 100), oneIn: draw.Between(2, max(2, b.Rarest))}
		w.sites[name] = s
	}
	return s
}

// Site returns the buggify site of that name.
func (p *proc) Site(name string) *engine.Site {
	s := p.sites[name]
	if s != nil {
		return s
	}
	s = &engine.Site{}
	if of := p.w.siteOf(name); of.active {
		draw, probe := p.Stream("buggify."+name), "buggify."+name
		s.Choose = func() bool {
			hit := draw.Chance(1, of.oneIn)
			if hit {
				p.w.probes[probe]++
			}
			return hit
		}
	}
	p.sites[name] = s
	return s
}
