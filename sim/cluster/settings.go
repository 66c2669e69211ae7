package cluster

import "trial/engine/kafka"

// settings are the plan's broker configs as a broker takes them.
func (p *Plan) settings() map[string]string {
	m := make(map[string]string, len(p.Settings))
	for _, s := range p.Settings {
		m[s.Key] = s.Value
	}
	return m
}

func (p *Plan) validateSettings() error { return kafka.Validate(p.settings()) }
