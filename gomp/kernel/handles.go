package kernel

import (
	"fmt"
	"reflect"

	"github.com/ugorji/go/codec"
)

// Queue is a gomp.Queue(codec="msgpack").
type Queue struct{}

// Value is a gomp.Value or gomp.Array.
type Value struct{}

func (c *call) decodeHandle(raw codec.Raw, d *Type) (reflect.Value, error) {
	return reflect.Value{}, fmt.Errorf("%s needs a gomp object", d.Go)
}
