package control

import (
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"trial/engine/kafka/control/configs"
	"trial/engine/kafka/control/image"
)

const minISRConfig = "min.insync.replicas"

// maxResources bounds one request: each is compared with those before it.
const maxResources = 1000

// onIncrementalAlterConfigs changes single configs of topics and brokers (KIP-339).
func (c *controller) onIncrementalAlterConfigs(to Responder, req *kmsg.IncrementalAlterConfigsRequest) {
	resp := req.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	if len(req.Resources) > maxResources {
		c.answer(to, req, refusal(req, kerr.PolicyViolation.Code))
		return
	}
	d := c.decide()
	for i := range req.Resources {
		r := &req.Resources[i]
		out := kmsg.NewIncrementalAlterConfigsResponseResource()
		out.ResourceType, out.ResourceName = r.ResourceType, r.ResourceName
		recs, bad := c.alterations(d.image(), r)
		for _, o := range req.Resources[:i] {
			if o.ResourceType == r.ResourceType && o.ResourceName == r.ResourceName {
				bad = refuse(kerr.InvalidRequest, "Each resource must appear at most once.")
			}
		}
		if bad != nil {
			out.ErrorCode, out.ErrorMessage = bad.code, &bad.why
		} else {
			c.addConfigs(d, recs)
		}
		resp.Resources = append(resp.Resources, out)
	}
	c.conclude(d, to, req, resp, req.ValidateOnly)
}

// onAlterConfigs replaces all configs of a resource (the older API).
func (c *controller) onAlterConfigs(to Responder, req *kmsg.AlterConfigsRequest) {
	resp := req.ResponseKind().(*kmsg.AlterConfigsResponse)
	if len(req.Resources) > maxResources {
		c.answer(to, req, refusal(req, kerr.PolicyViolation.Code))
		return
	}
	d := c.decide()
	for i := range req.Resources {
		r := &req.Resources[i]
		out := kmsg.NewAlterConfigsResponseResource()
		out.ResourceType, out.ResourceName = r.ResourceType, r.ResourceName
		as := kmsg.NewIncrementalAlterConfigsRequestResource()
		as.ResourceType, as.ResourceName = r.ResourceType, r.ResourceName
		for _, e := range r.Configs {
			as.Configs = append(as.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: e.Name, Value: e.Value})
		}
		for _, e := range d.image().Configs(int8(r.ResourceType), r.ResourceName) {
			if !slices.ContainsFunc(r.Configs, func(n kmsg.AlterConfigsRequestResourceConfig) bool { return n.Name == e.Name }) {
				as.Configs = append(as.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: e.Name, Op: kmsg.IncrementalAlterConfigOpDelete})
			}
		}
		recs, bad := c.alterations(d.image(), &as)
		if bad != nil {
			out.ErrorCode, out.ErrorMessage = bad.code, &bad.why
		} else {
			c.addConfigs(d, recs)
		}
		resp.Resources = append(resp.Resources, out)
	}
	c.conclude(d, to, req, resp, req.ValidateOnly)
}

// alterations are the records of one resource's changes.
func (c *controller) alterations(im *image.Image, r *kmsg.IncrementalAlterConfigsRequestResource) ([]*image.ConfigRecord, *refused) {
	find, bad := resourceTable(im, r)
	if bad != nil {
		return nil, bad
	}
	if len(r.Configs) > maxResources {
		return nil, excessive()
	}
	typ := int8(r.ResourceType)
	var out []*image.ConfigRecord
	for i, e := range r.Configs {
		if slices.ContainsFunc(r.Configs[:i], func(o kmsg.IncrementalAlterConfigsRequestResourceConfig) bool { return o.Name == e.Name }) {
			return nil, refuse(kerr.InvalidRequest, "Error due to duplicate config keys: %s", e.Name)
		}
		def := find(e.Name)
		if def == nil {
			return nil, unknownConfig(typ, e.Name)
		}
		if bad := c.guardMinISR(im, typ, r.ResourceName, e); bad != nil {
			return nil, bad
		}
		value, bad := c.altered(im, typ, r.ResourceName, def, e)
		if bad != nil {
			return nil, bad
		}
		old, set := im.Config(typ, r.ResourceName, e.Name)
		if value == nil && !set || value != nil && set && *value == old {
			continue
		}
		out = append(out, &image.ConfigRecord{ResourceType: typ, ResourceName: r.ResourceName, Name: e.Name, Value: value})
	}
	return out, nil
}

// resourceTable checks that the resource exists and returns its table of configs.
func resourceTable(im *image.Image, r *kmsg.IncrementalAlterConfigsRequestResource) (func(string) *configs.Def, *refused) {
	switch int8(r.ResourceType) {
	case image.ResourceTopic:
		if im.Topic(r.ResourceName) == nil {
			return nil, refuse(kerr.UnknownTopicOrPartition, "%s", kerr.UnknownTopicOrPartition.Description)
		}
		return configs.Topic, nil
	case image.ResourceBroker:
		if n, err := strconv.ParseInt(r.ResourceName, 10, 32); r.ResourceName != "" && (err != nil || n < 0) {
			return nil, refuse(kerr.InvalidRequest, "Unable to parse broker name as a base 10 number: %s", r.ResourceName)
		}
		return configs.Dynamic, nil
	}
	return nil, refuse(kerr.InvalidRequest, "Unexpected resource type %d", r.ResourceType)
}

func unknownConfig(typ int8, name string) *refused {
	if typ == image.ResourceTopic {
		return refuse(kerr.InvalidConfig, "Unknown topic config name: %s", name)
	}
	return refuse(kerr.InvalidRequest, "Cannot update these configs dynamically: Set(%s)", name)
}

// altered is the value that one operation leaves behind; nil: none.
func (c *controller) altered(im *image.Image, typ int8, resource string, def *configs.Def,
	e kmsg.IncrementalAlterConfigsRequestResourceConfig) (*string, *refused) {
	var value string
	switch e.Op {
	case kmsg.IncrementalAlterConfigOpDelete:
		return nil, nil
	case kmsg.IncrementalAlterConfigOpSet:
		if e.Value == nil {
			return nil, refuse(kerr.InvalidRequest, "Null value not supported for: %s", e.Name)
		}
		value = *e.Value
	case kmsg.IncrementalAlterConfigOpAppend, kmsg.IncrementalAlterConfigOpSubtract:
		if def.Type != kmsg.ConfigTypeList || e.Value == nil {
			return nil, refuse(kerr.InvalidConfig, "Can't append to or subtract from key %s because its type is not LIST.", e.Name)
		}
		value = c.listWith(im, typ, resource, def, e)
	default:
		return nil, refuse(kerr.InvalidRequest, "Unknown operation %d", e.Op)
	}
	if err := def.Check(value); err != nil {
		return nil, refuse(kerr.InvalidConfig, "%v", err)
	}
	return &value, nil
}

// listWith starts from the value in force, as Kafka does.
func (c *controller) listWith(im *image.Image, typ int8, resource string, def *configs.Def,
	e kmsg.IncrementalAlterConfigsRequestResourceConfig) string {
	look := c.lookup(im)
	var words []string
	if v, ok := im.Config(typ, resource, def.Name); ok {
		words = configs.List(v)
	} else if typ == image.ResourceTopic {
		words = configs.List(look.Inherited(def).Value)
	} else {
		words = configs.List(look.Broker(def).Value)
	}
	for _, w := range configs.List(*e.Value) {
		i := slices.Index(words, w)
		if e.Op == kmsg.IncrementalAlterConfigOpAppend && i < 0 {
			words = append(words, w)
		} else if e.Op == kmsg.IncrementalAlterConfigOpSubtract && i >= 0 {
			words = slices.Delete(words, i, i+1)
		}
	}
	return strings.Join(words, ",")
}

// guardMinISR: with ELR the minimum must be the same on all brokers (KIP-966).
func (c *controller) guardMinISR(im *image.Image, typ int8, resource string, e kmsg.IncrementalAlterConfigsRequestResourceConfig) *refused {
	if typ != image.ResourceBroker || e.Name != minISRConfig || im.Feature(elrFeature) == 0 {
		return nil
	}
	if resource != "" {
		return refuse(kerr.InvalidConfig, "Broker-level min.insync.replicas cannot be altered while ELR is enabled.")
	}
	if e.Op == kmsg.IncrementalAlterConfigOpDelete {
		return refuse(kerr.InvalidConfig, "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.")
	}
	return nil
}

// addConfigs writes config records. A new minimum makes the ELR meaningless: its
// members were complete under the old one only (Kafka's ClearElrRecord).
func (c *controller) addConfigs(d *decision, recs []*image.ConfigRecord) {
	for _, r := range recs {
		d.add(r)
		if r.Name != minISRConfig || d.image().Feature(elrFeature) == 0 {
			continue
		}
		c.eachPartition(d, func(t *image.Topic, id int32, p *image.Partition) {
			if len(p.ELR) == 0 || r.ResourceType == image.ResourceTopic && t.Name != r.ResourceName {
				return
			}
			rec := image.NewPartitionChange(t.ID, id)
			rec.ELR = []int32{}
			d.add(rec)
		})
	}
}
