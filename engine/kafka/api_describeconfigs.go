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
		own, set := b.image.Config(image.ResourceTopic, in.ResourceName, d.Name)
		if d.Internal && !set || !asked(in, d.Name) {
			continue
		}
		value := l.Topic(in.ResourceName, d)
		var given []configs.Named
		if set {
			given = append(given, configs.Named{Name: d.Name, Value: configs.Value{Value: own, Source: kmsg.ConfigSourceDynamicTopicConfig}})
		}
		if len(d.Synonyms) > 0 {
			given = append(given, l.Given(d.Synonyms[0].Name)...)
		}
		out = append(out, describeConfig(d.Name, d.Type, &value.Value, given, false, synonyms))
	}
	return out, nil, ""
}

func (b *Broker) describeBrokerConfigs(in *kmsg.DescribeConfigsRequestResource, synonyms bool) ([]kmsg.DescribeConfigsResponseResourceConfig, *kerr.Error, string) {
	out := []kmsg.DescribeConfigsResponseResourceConfig{}
	if in.ResourceName == "" {
		for _, e := range b.image.Configs(image.ResourceBroker, "") {
			if d := configs.Dynamic(e.Name); d != nil && asked(in, e.Name) {
				given := []configs.Named{{Name: e.Name, Value: configs.Value{Value: e.Value, Source: kmsg.ConfigSourceDynamicDefaultBrokerConfig}}}
				out = append(out, describeConfig(e.Name, d.Type, &e.Value, given, false, synonyms))
			}
		}
		return out, nil, ""
	}
	if in.ResourceName != image.BrokerResource(b.cfg.NodeID) {
		return out, kerr.InvalidRequest, fmt.Sprintf("Unexpected broker id, expected %d or empty string, but received %s", b.cfg.NodeID, in.ResourceName)
	}
	for _, c := range b.identityConfigs() {
		if asked(in, c.Name) {
			out = append(out, describeConfig(c.Name, kmsg.ConfigTypeString, &c.Value.Value, []configs.Named{c}, true, synonyms))
		}
	}
	defs, l := configs.Brokers(), b.lookup()
	for i := range defs {
		d := &defs[i]
		if d.Internal || !asked(in, d.Name) {
			continue
		}
		var value *string
		if v := l.Broker(d); v.Source != kmsg.ConfigSourceDefaultConfig || d.HasDefault() {
			value = &v.Value
		}
		out = append(out, describeConfig(d.Name, d.Type, value, l.Given(d.Name), !d.Dynamic, synonyms))
	}
	return out, nil, ""
}

// identityConfigs are the configs that say who the broker is.
func (b *Broker) identityConfigs() []configs.Named {
	static := func(name, value string) configs.Named {
		return configs.Named{Name: name, Value: configs.Value{Value: value, Source: kmsg.ConfigSourceStaticBrokerConfig}}
	}
	voters := ""
	for i, v := range b.cfg.Voters {
		if i > 0 {
			voters += ","
		}
		voters += fmt.Sprintf("%d@%s", v.ID, v.Addr)
	}
	out := []configs.Named{
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

// describeConfig is one line of the answer; value is nil where Kafka's is null.
// Nothing here is sensitive, and documentation is null: Kafka's texts are not ours
// to repeat.
func describeConfig(name string, kind kmsg.ConfigType, value *string, given []configs.Named, readOnly, synonyms bool) kmsg.DescribeConfigsResponseResourceConfig {
	c := kmsg.NewDescribeConfigsResponseResourceConfig()
	c.Name, c.Value, c.ReadOnly, c.ConfigType = name, value, readOnly, kind
	c.Source = kmsg.ConfigSourceDefaultConfig
	if len(given) > 0 {
		c.Source = given[0].Source
	}
	c.IsDefault = c.Source == kmsg.ConfigSourceDefaultConfig
	c.ConfigSynonyms = []kmsg.DescribeConfigsResponseResourceConfigConfigSynonym{}
	if synonyms {
		for i := range given {
			s := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
			s.Name, s.Value, s.Source = given[i].Name, &given[i].Value.Value, given[i].Source
			c.ConfigSynonyms = append(c.ConfigSynonyms, s)
		}
	}
	return c
}
