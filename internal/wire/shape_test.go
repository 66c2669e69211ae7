package wire

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// fill sets every field of a kmsg struct to something drawn.
func fill(t *rapid.T, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[kmsg.Tags]() {
			if rapid.IntRange(0, 9).Draw(t, "tag") == 0 {
				tags := v.Addr().Interface().(*kmsg.Tags)
				tags.Set(uint32(rapid.IntRange(50, 70).Draw(t, "tag key")), []byte("unknown"))
			}
			return
		}
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "Version" {
				fill(t, v.Field(i), depth+1)
			}
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "present") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), depth)
		} else {
			v.SetZero()
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes"))
			return
		}
		n := rapid.IntRange(0, 2).Draw(t, "len")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i), depth)
		}
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(rapid.Byte().Draw(t, "byte")))
		}
	case reflect.String:
		v.SetString(rapid.StringN(0, 10, 40).Draw(t, "string"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(rapid.Int8().Draw(t, "int")))
	case reflect.Uint16:
		v.SetUint(uint64(rapid.Byte().Draw(t, "uint")))
	case reflect.Float64:
		v.SetFloat(float64(rapid.Int8().Draw(t, "float")))
	default:
		t.Fatalf("kind %v", v.Kind())
	}
}

// The shapes are what kmsg encodes: for every key and version a message with
// all its fields drawn passes the guard to the last byte.
func TestShapesCoverEveryMessage(t *testing.T) {
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		newest, ok := MaxVersion(key)
		if !ok {
			continue
		}
		t.Run(kmsg.NameForKey(key), func(t *testing.T) {
			for version := int16(0); version <= newest; version++ {
				rapid.Check(t, func(t *rapid.T) {
					req := kmsg.RequestForKey(key)
					req.SetVersion(version)
					fill(t, reflect.ValueOf(req).Elem(), 0)
					body := req.AppendTo(nil)
					if err := guard(requestShape(key), body, version, req.IsFlexible()); err != nil {
						t.Fatalf("request v%d: %v", version, err)
					}
					if got, err := DecodeRequest(Header{Key: key, Version: version}, body); err != nil || !bytes.Equal(got.AppendTo(nil), body) {
						t.Fatalf("request v%d does not come back: %v", version, err)
					}
					if _, err := DecodeRequest(Header{Key: key, Version: version}, append(body, 0)); !errors.Is(err, ErrTrailing) {
						t.Fatalf("request v%d with a byte behind it: %v", version, err)
					}
					resp := req.ResponseKind()
					fill(t, reflect.ValueOf(resp).Elem(), 0)
					frame := AppendResponse(nil, 77, resp)
					again := req.ResponseKind()
					if id, err := ParseResponse(frame, again); err != nil || id != 77 {
						t.Fatalf("response v%d: %v", version, err)
					}
					if !bytes.Equal(AppendResponse(nil, 77, again), frame) {
						t.Fatalf("response v%d does not come back", version)
					}
				})
			}
		})
	}
}
