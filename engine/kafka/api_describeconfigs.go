package kafka

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine/kafka/control/configs"
	"trial/engine/kafka/control/image"
)

// handleDescribeConfigs answers DescribeConfigs 1-4 for topics and for this
// broker (ConfigHelper.describeConfigs).
func handleDescribeConfigs(r *request) {
	req := r.body.(*kmsg.DescribeConfigsRequest)
	resp := kmsg.NewPtrDescribeConfigsResponse()
	resp.Version = req.Version
	resp.Resources = []kmsg.DescribeConfigsResponseResource{}
	for i := range req.Resources {
		in := &req.Resources[i]
		out := kmsg.NewDescribeConfigsResponseResource()
		out.ResourceType, out.ResourceName = in.ResourceType, in.ResourceName
		out.Configs = []kmsg.DescribeConfigsResponseResourceConfig{}
		var err *kerr.Error
		var why string
		switch in.ResourceType {
		case kmsg.ConfigResourceTypeTopic:
			out.Configs, err, why = r.b.describeTopicConfigs(in, req.IncludeSynonyms)
		case kmsg.ConfigResourceTypeBroker:
			out.Configs, err, why = r.b.describeBrokerConfigs(in, req.IncludeSynonyms)
		default:
			err, why = kerr.InvalidRequest, fmt.Sprintf("Unsupported resource type: %v", in.ResourceType)
		}
		if err != nil {
			out.ErrorCode = err.Code
			if why != "" {
				out.ErrorMessage = &why
			}
		}
		resp.Resources = append(resp.Resources, out)
	}
	r.reply(resp)
}

// asked reports whether a config is among those asked for; none named: all are.
func asked(in *kmsg.DescribeConfigsRequestResource, name string) bool {
	return len(in.ConfigNames) == 0 || slices.Contains(in.ConfigNames, name)
}

func (b *Broker) describeTopicConfigs(in *kmsg.DescribeConfigsRequestResource, synonyms bool) ([]kmsg.DescribeConfigsResponseResourceConfig, *kerr.Error, string) {
	out := []kmsg.DescribeConfigsResponseResourceConfig{}
	if !validTopicName(in.ResourceName) {
		return out, kerr.InvalidTopicException, fmt.Sprintf("Topic name %q is invalid", in.ResourceName)
	}
	if b.image.Topic(in.ResourceName) == nil {
		return out, kerr.UnknownTopicOrPartition, ""
	}
	defs, l := configs.Topics(), b.lookup()
	for i := range defs {
		d := &defs[i]
		if !asked(in, d.Name) {
			continue
		}
		values := b.describedDefaults(d)
		if v, ok := b.image.Config(image.ResourceTopic, in.ResourceName, d.Name); ok {
			values = append([]configValue{{d.Name, v, kmsg.ConfigSourceDynamicTopicConfig}}, values...)
		}
		out = append(out, describeConfig(d.Name, d.Type, l.Topic(in.ResourceName, d).Value, values, false, synonyms))
	}
	return out, nil, ""
}

// describedDefaults lists the broker configs behind a topic config as
// DescribeConfigs shows them: in their own units, with Kafka's default.
func (b *Broker) describedDefaults(d *configs.Def) []configValue {
	var values []configValue
	for _, s := range d.Synonyms {
		values = append(values, b.brokerValues(s.Name)...)
	}
	// Explicit values come before defaults, whatever synonym they are of.
	slices.SortStableFunc(values, func(x, y configValue) int { return int(x.source) - int(y.source) })
	return values
}

func (b *Broker) describeBrokerConfigs(in *kmsg.DescribeConfigsRequestResource, synonyms bool) ([]kmsg.DescribeConfigsResponseResourceConfig, *kerr.Error, string) {
	out := []kmsg.DescribeConfigsResponseResourceConfig{}
	if in.ResourceName == "" {
		for _, e := range b.image.Configs(image.ResourceBroker, "") {
			if asked(in, e.Name) {
				values := []configValue{{e.Name, e.Value, kmsg.ConfigSourceDynamicDefaultBrokerConfig}}
				out = append(out, describeConfig(e.Name, brokerConfigKind(e.Name), e.Value, values, false, synonyms))
			}
		}
		return out, nil, ""
	}
	if in.ResourceName != image.BrokerResource(b.cfg.NodeID) {
		return out, kerr.InvalidRequest, fmt.Sprintf("Unexpected broker id, expected %d or empty string, but received %s", b.cfg.NodeID, in.ResourceName)
	}
	for _, c := range b.identityConfigs() {
		if asked(in, c.name) {
			out = append(out, describeConfig(c.name, kmsg.ConfigTypeString, c.value, []configValue{c}, true, synonyms))
		}
	}
	for i := range brokerDefs {
		d := &brokerDefs[i]
		if d.name == internalSegmentBytes || !asked(in, d.name) {
			continue
		}
		values := b.brokerValues(d.name)
		value := d.def
		if len(values) > 0 {
			value = values[0].value
		}
		out = append(out, describeConfig(d.name, d.kind, value, values, configs.Broker(d.name) == nil, synonyms))
	}
	return out, nil, ""
}

// identityConfigs are the configs that say who the broker is.
func (b *Broker) identityConfigs() []configValue {
	static := func(name, value string) configValue {
		return configValue{name, value, kmsg.ConfigSourceStaticBrokerConfig}
	}
	voters := ""
	for i, v := range b.cfg.Voters {
		if i > 0 {
			voters += ","
		}
		voters += fmt.Sprintf("%d@%s", v.ID, v.Addr)
	}
	out := []configValue{
		static("advertised.listeners", clientListenerName+"://"+b.cfg.Listeners.Client),
		static("broker.id", strconv.Itoa(int(b.cfg.NodeID))),
		static("controller.listener.names", controllerListenerName),
		static("controller.quorum.voters", voters),
		static("node.id", strconv.Itoa(int(b.cfg.NodeID))),
		static("process.roles", b.roles()),
	}
	if b.cfg.Rack != "" {
		out = append(out, static("broker.rack", b.cfg.Rack))
	}
	return out
}

func (b *Broker) roles() string {
	if b.cfg.isVoter() {
		return "broker,controller"
	}
	return "broker"
}

func brokerConfigKind(name string) kmsg.ConfigType {
	if d := configs.Broker(name); d != nil {
		return d.Type
	}
	return kmsg.ConfigTypeString
}

// describeConfig is one line of the answer. Nothing here is sensitive, and
// documentation is null: Kafka's texts are not ours to repeat.
func describeConfig(name string, kind kmsg.ConfigType, value string, values []configValue, readOnly, synonyms bool) kmsg.DescribeConfigsResponseResourceConfig {
	c := kmsg.NewDescribeConfigsResponseResourceConfig()
	c.Name, c.Value, c.ReadOnly, c.ConfigType = name, &value, readOnly, kind
	c.Source = kmsg.ConfigSourceDefaultConfig
	if len(values) > 0 {
		c.Source = values[0].source
	}
	c.IsDefault = c.Source == kmsg.ConfigSourceDefaultConfig
	c.ConfigSynonyms = []kmsg.DescribeConfigsResponseResourceConfigConfigSynonym{}
	if synonyms {
		for _, v := range values {
			s := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
			s.Name, s.Value, s.Source = v.name, &v.value, v.source
			c.ConfigSynonyms = append(c.ConfigSynonyms, s)
		}
	}
	return c
}
