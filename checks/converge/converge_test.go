package converge

import (
	"strings"
	"testing"

	. "trial/checks/internal/bytestest"
)

func logOf(n int, change int) [][]byte {
	var list [][]byte
	for i := range n {
		v := byte(i)
		if i == change {
			v++
		}
		list = append(list, Batch(int64(i), 0, []byte{v}))
	}
	return list
}

func TestEqualLogsAreSilentAndTheFirstDifferenceIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		a, b    [][]byte
		growing bool
		want    string // "" is silence
	}{
		"equal":               {logOf(50, -1), logOf(50, -1), false, ""},
		"empty":               {nil, nil, false, ""},
		"differ at 0":         {logOf(50, -1), logOf(50, 0), false, "differs at offset 0:"},
		"differ at 17":        {logOf(50, -1), logOf(50, 17), false, "differs at offset 17:"},
		"differ at the end":   {logOf(50, -1), logOf(50, 49), false, "differs at offset 49:"},
		"shorter":             {logOf(50, -1), logOf(49, -1), false, "ends at 50 on n1 and at 49 on n2"},
		"shorter, still grow": {logOf(50, -1), logOf(49, -1), true, ""},
		"shorter and differ":  {logOf(50, -1), logOf(40, 30), true, "differs at offset 30:"},
		"log start moved":     {logOf(50, -1), logOf(50, -1)[20:], false, ""},
		"control flag differs": {[][]byte{BatchOf(0, 0, 0, []byte("x"))}, [][]byte{BatchOf(0, 0, 0x20, []byte("x"))}, false,
			"differs at offset 0:"},
		"unreadable tail": {logOf(3, -1), append(logOf(3, -1), []byte("no batch")), false, "cannot be read beyond offset 2"},
	} {
		d := Disk{}
		d.Put(1, "t-0", c.a...)
		d.Put(2, "t-0", c.b...)
		if name == "log start moved" {
			d[2]["t-0/00000000000000000020.log"] = d[2][Path("t-0")]
			delete(d[2], Path("t-0"))
		}
		f := Judge(0, d, []Group{{"t-0", []int32{1, 2}, c.growing}}, nil)
		v := f.Violations()
		switch {
		case c.want == "" && len(v) > 0:
			t.Errorf("%s: %v", name, v)
		case c.want != "" && (len(v) != 1 || !strings.Contains(v[0].Reason, c.want)):
			t.Errorf("%s: %v, want %q", name, v, c.want)
		}
	}
}

func TestImagesMustBeEqual(t *testing.T) {
	for name, c := range map[string]struct {
		a, b Image
		bad  bool
	}{
		"equal":             {Image{1, 10, 7}, Image{2, 10, 7}, false},
		"different hash":    {Image{1, 10, 7}, Image{2, 10, 8}, true},
		"a record behind":   {Image{1, 10, 7}, Image{2, 9, 6}, false},
		"hopelessly behind": {Image{1, 1000, 7}, Image{2, 9, 6}, true},
	} {
		if f := Judge(0, Disk{}, nil, []Image{c.a, c.b}); f.Failed() != c.bad {
			t.Errorf("%s: %v", name, f.Violations())
		}
	}
}
