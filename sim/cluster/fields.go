package cluster

import (
	"fmt"
	"strconv"
	"strings"

	"trial/clock"
	"trial/sim/climate"
)

// field is one key=value of a plan line, bound to where its value lives.
type field struct {
	name string
	ptr  any // *int64, *int32, *bool, *string, *clock.Duration
}

// bound takes the fields of a climate.
func bound(fs []climate.Field) []field {
	out := make([]field, len(fs))
	for i, f := range fs {
		if out[i].name = f.Name; f.Span != nil {
			out[i].ptr = f.Span
		} else {
			out[i].ptr = f.Num
		}
	}
	return out
}

// printFields prints every field: a plan hides nothing.
func printFields(fs []field) string {
	var b strings.Builder
	for i, f := range fs {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.name + "=" + f.value())
	}
	return b.String()
}

func (f field) value() string {
	switch p := f.ptr.(type) {
	case *int64:
		return strconv.FormatInt(*p, 10)
	case *int32:
		return strconv.FormatInt(int64(*p), 10)
	case *bool:
		return strconv.FormatBool(*p)
	case *clock.Duration:
		return p.String()
	case *string:
		return *p
	}
	panic("cluster: field " + f.name + " is of a type that plans cannot hold")
}

// parseFields reads key=value words into fs. Keys that are missing keep what they had.
func parseFields(words []string, fs []field) error {
	for _, w := range words {
		k, v, ok := strings.Cut(w, "=")
		if !ok {
			return fmt.Errorf("%q is not of the form key=value", w)
		}
		f, ok := findField(fs, k)
		if !ok {
			return fmt.Errorf("unknown key %q; known are %s", k, fieldNames(fs))
		}
		if err := f.set(v); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
	}
	return nil
}

func findField(fs []field, name string) (field, bool) {
	for _, f := range fs {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

func fieldNames(fs []field) string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.name
	}
	return strings.Join(names, ", ")
}

func (f field) set(v string) error {
	switch p := f.ptr.(type) {
	case *int64:
		return setInt(v, 64, func(n int64) { *p = n })
	case *int32:
		return setInt(v, 32, func(n int64) { *p = int32(n) })
	case *bool:
		b, err := strconv.ParseBool(v)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", v)
		}
		*p = b
	case *clock.Duration:
		d, err := clock.Parse(v)
		if err != nil {
			return err
		}
		*p = d
	case *string:
		*p = v
	}
	return nil
}

func setInt(v string, bits int, set func(int64)) error {
	n, err := strconv.ParseInt(v, 10, bits)
	if err != nil {
		return fmt.Errorf("%q is not a whole number of %d bits", v, bits)
	}
	set(n)
	return nil
}
