package clock

import (
	"testing"

	"pgregory.net/rapid"
)

func TestDurationsPrintAndParseBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64Range(-1<<62, 1<<62).Draw(t, "ns"))
		got, err := Parse(d.String())
		if err != nil || got != d {
			t.Fatalf("%d prints as %s and parses as %d, %v", d, d, got, err)
		}
	})
}

func TestParseReadsWhatPeopleWrite(t *testing.T) {
	for in, want := range map[string]Duration{
		"0s": 0, "250ms": 250 * Millisecond, "2.1s": 2100 * Millisecond, "3m": 3 * Minute,
		"1.5h": 90 * Minute, "7us": 7 * Microsecond, "12ns": 12, "-4s": -4 * Second, "0.5m": 30 * Second,
	} {
		if got, err := Parse(in); err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "5", "s", "1.s", ".5s", "1.2.3s", "1e3s", "9999999999999h", "5 s", "1d"} {
		if got, err := Parse(in); err == nil {
			t.Errorf("Parse(%q) = %v; want an error", in, got)
		}
	}
}

func TestAddSaturates(t *testing.T) {
	if got := (Never - 1).Add(Hour); got != Never {
		t.Errorf("Never-1 + 1h = %d, want Never", got)
	}
	if got := Ms(1<<63 - 1); got != 1<<63-1 {
		t.Errorf("Ms of Kafka's Long.MAX_VALUE = %d, want the longest duration", got)
	}
}
