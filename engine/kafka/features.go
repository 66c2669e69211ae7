package kafka

import "trial/engine/kafka/control/image"

// feature is a cluster feature and the levels that this engine has of it
// (Feature, MetadataVersion in Kafka).
type feature struct {
	name     string
	min, max int16
}

// supportedFeatures are sorted by name. metadata.version 30 is 4.3-IV0.
var supportedFeatures = []feature{
	{"eligible.leader.replicas.version", 0, 1},
	{"metadata.version", 30, 30},
}

const elrFeature = "eligible.leader.replicas.version"

func lookupFeature(name string) *feature {
	for i := range supportedFeatures {
		if supportedFeatures[i].name == name {
			return &supportedFeatures[i]
		}
	}
	return nil
}

// initialFeatures are the levels that a fresh cluster is formatted with.
func (c Config) initialFeatures() []image.Feature {
	var out []image.Feature
	for _, f := range supportedFeatures {
		level := f.max
		if l, ok := c.Features[f.name]; ok {
			level = l
		}
		if level > 0 {
			out = append(out, image.Feature{Name: f.name, Level: level})
		}
	}
	return out
}
