package cluster

import (
	"strings"
	"testing"

	"trial/client"
	"trial/client/workload"
)

// Clients against brokers with every codec and topics that change it, under
// faults: no judge speaks, and the codecs were really used.
func TestEveryCodecPasses(t *testing.T) {
	for i, name := range client.CodecNames() {
		t.Run(name, func(t *testing.T) {
			for n, typ := range []string{"", "uncompressed", "zstd"} {
				seed := uint64(100*i + n)
				p, err := Draw(seed, Options{Mode: [...]Mode{Budget, Unbounded}[n%2], For: 12_000_000_000})
				if err != nil {
					t.Fatal(err)
				}
				for j := range p.Clients {
					if c := &p.Clients[j]; c.Role == workload.Producer {
						c.Codec, _ = client.ParseCodec(name)
					}
				}
				if typ == "" {
					typ = "producer"
				}
				p.Topics[0].Configs = set(p.Topics[0].Configs, "compression.type", typ)
				if p, err = ParsePlan(p.String()); err != nil {
					t.Fatal(err)
				}
				r := Verify(p, RunOptions{})
				if r.Failed() {
					t.Errorf("%s to %s: %s\n%s", name, typ, r.Sentence(), p)
				}
				target := typ
				switch typ {
				case "producer":
					target = name
				case "uncompressed":
					target = "none"
				}
				if probeHits(&r, "client.compressed") > 0 != (name != "none") || probeHits(&r, "broker.recompressed") > 0 != (name != target) {
					t.Errorf("%s to %s: %d batches compressed by clients, %d encoded again by brokers", name, typ,
						probeHits(&r, "client.compressed"), probeHits(&r, "broker.recompressed"))
				}
				if r.Acked+r.SentZero == 0 || r.Delivered == 0 {
					t.Errorf("%s to %s: nothing happened", name, typ)
				}
			}
		})
		if testing.Short() && i == 2 {
			break
		}
	}
}

func probeHits(r *Result, probe string) int64 {
	for _, p := range r.Probes {
		if p.Name == probe {
			return p.Hits
		}
	}
	return 0
}

// Codecs are drawn, print and read back, and a wrong one is an error with its line.
func TestPlansNameCodecs(t *testing.T) {
	producers, topics := map[string]int{}, map[string]int{}
	for seed := range uint64(300) {
		p, err := Draw(seed, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.Clients {
			if c.Role == workload.Producer {
				producers[c.Codec.String()]++
			}
			if c.Codec != 0 && !strings.Contains(p.String(), " codec="+c.Codec.String()) {
				t.Fatalf("the plan does not name %s:\n%s", c.Codec, p)
			}
		}
		topics[lookup(p.Topics[0].Configs, "compression.type")]++
	}
	for _, name := range client.CodecNames() {
		if producers[name] < 40 {
			t.Errorf("%d of 900 producers have codec %s", producers[name], name)
		}
		if name != "none" && topics[name] < 2 || topics["uncompressed"] < 2 {
			t.Errorf("topics have %v", topics)
		}
	}
	p, _ := Draw(1, Options{})
	text := strings.Replace(p.String(), "client   c1 producer", "client   c1 producer codec=brotli", 1)
	if _, err := ParsePlan(text); err == nil || !strings.Contains(err.Error(), `codec: "brotli" is none of none, gzip, snappy, lz4, zstd`) ||
		!strings.Contains(err.Error(), "line ") {
		t.Errorf("error %v", err)
	}
}
