package strimzi

import (
	"slices"
	"strconv"
	"strings"

	"trial/sim/cluster"
)

var mootOfPool = []string{"resources", "jvmOptions", "template"}

// readPool reads a KafkaNodePool.
func (l *loader) readPool(res resource) {
	p := pool{res: res}
	list := res.spec.open([]string{"replicas", "roles", "storage"}, mootOfPool)
	for _, name := range []string{"replicas", "roles", "storage"} {
		if _, ok := find(list, name); !ok {
			res.spec.key.fail("spec of KafkaNodePool %s has no %s", res.name, name)
		}
	}
	for _, f := range list {
		switch f.name {
		case "replicas":
			p.replicas, _ = f.number(0, cluster.MaxBrokers)
		case "roles":
			p.roles = readRoles(f)
		case "storage":
			p.storage = l.readStorage(f.value)
		}
	}
	if res.nextIDs.name != "" {
		p.wants = readIDs(res.nextIDs)
	}
	l.pools = append(l.pools, p)
}

func readRoles(f field) cluster.Roles {
	var got []string
	for _, v := range f.list() {
		if s, ok := v.oneOf("controller", "broker"); ok {
			got = append(got, s)
		}
	}
	switch {
	case slices.Contains(got, "controller") && slices.Contains(got, "broker"):
		return cluster.BothRoles
	case slices.Contains(got, "controller"):
		return cluster.ControllerOnly
	case slices.Contains(got, "broker"):
		return cluster.BrokerOnly
	}
	if len(f.node.Content) == 0 {
		f.fail("spec.roles is empty; name controller, broker or both")
	}
	return cluster.DefaultRoles
}

// volume is one of a node's volumes.
type volume struct {
	id       int64
	at       value
	storage  string
	metadata bool
}

// readStorage reads the storage of a pool: what becomes of each volume when its pod
// is made anew, the one with the metadata log first. Where none is marked, that is
// the one with the lowest id, as in Strimzi.
func (l *loader) readStorage(v value) []string {
	typ, ok := find(v.fields(), "type")
	if !ok {
		v.fail("%s has no type; it must be ephemeral, persistent-claim or jbod", v.path)
		return nil
	}
	kind, ok := typ.oneOf("ephemeral", "persistent-claim", "jbod")
	if !ok {
		return nil
	}
	var volumes []volume
	if kind != "jbod" {
		volumes = l.readVolume(nil, v, kind, false)
	} else {
		list, ok := find(v.open([]string{"type", "volumes"}, nil), "volumes")
		if !ok {
			v.fail("%s is jbod and has no volumes", v.path)
			return nil
		}
		for _, e := range list.list() {
			typ, ok := find(e.fields(), "type")
			if !ok {
				e.fail("%s has no type; it must be ephemeral or persistent-claim", e.path)
				continue
			}
			if kind, ok := typ.oneOf("ephemeral", "persistent-claim"); ok {
				volumes = l.readVolume(volumes, e, kind, true)
			}
		}
		switch {
		case len(list.node.Content) == 0:
			list.fail("%s is empty", list.path)
		case len(volumes) > cluster.MaxVolumes:
			list.fail("%s names %d volumes; at most %d can be simulated", list.path, len(volumes), cluster.MaxVolumes)
		}
	}
	slices.SortStableFunc(volumes, func(a, b volume) int {
		if a.metadata != b.metadata {
			if a.metadata {
				return -1
			}
			return 1
		}
		return int(a.id - b.id)
	})
	var out []string
	for _, vol := range volumes {
		out = append(out, vol.storage)
	}
	return out
}

// readVolume reads one volume and adds it.
func (l *loader) readVolume(list []volume, v value, kind string, numbered bool) []volume {
	used := []string{"type", "id", "kraftMetadata"}
	moot := []string{"sizeLimit"}
	vol := volume{at: v, storage: cluster.Ephemeral}
	if kind == "persistent-claim" {
		vol.storage = cluster.Persistent
		used = append(used, "size")
		moot = []string{"class", "selector", "deleteClaim", "overrides", "volumeAttributesClass"}
	}
	fields := v.open(used, moot)
	id, hasID := find(fields, "id")
	if hasID {
		vol.id, _ = id.number(0, 1<<31-1)
	} else if numbered {
		v.fail("%s has no id", v.path)
	}
	if kind == "persistent-claim" {
		if _, ok := find(fields, "size"); !ok {
			v.fail("%s is a persistent-claim and has no size", v.path)
		}
	}
	if f, ok := find(fields, "kraftMetadata"); ok {
		_, vol.metadata = f.oneOf("shared")
	}
	for _, o := range list {
		switch {
		case hasID && o.id == vol.id:
			id.fail("%s has the id %d, like the volume in line %d", v.path, vol.id, o.at.node.Line)
		case vol.metadata && o.metadata:
			v.fail("%s has kraftMetadata, like the volume in line %d; one volume has the metadata log", v.path, o.at.node.Line)
		}
	}
	return append(list, vol)
}

// readIDs reads the annotation strimzi.io/next-node-ids: "[0, 1, 10-20]".
func readIDs(f field) []int32 {
	s, ok := f.text()
	if !ok {
		return nil
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(s), "["), "]")
	var out []int32
	for _, part := range strings.Split(inner, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			to = from
		}
		a, err1 := strconv.ParseInt(strings.TrimSpace(from), 10, 31)
		b, err2 := strconv.ParseInt(strings.TrimSpace(to), 10, 31)
		if err1 != nil || err2 != nil {
			f.fail("the annotation %s is %q; write ids and ranges of ids, as in [0, 1, 10-20]", nextIDs, s)
			return nil
		}
		step := int64(1)
		if b < a {
			step = -1
		}
		for id := a; ; id += step {
			if out = append(out, int32(id)); id == b || len(out) >= 10_000 {
				break
			}
		}
	}
	return out
}
