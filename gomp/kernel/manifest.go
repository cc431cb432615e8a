package kernel

import (
	"encoding/json"
	"io"
)

// version is gomp's, set by the build.
var version = "dev"

// manifest is what a pack says of itself.
type manifest struct {
	Gomp    string      `json:"gomp"`
	Kernels []*function `json:"kernels"`
}

func writeManifest(to io.Writer) error {
	m := manifest{Gomp: version, Kernels: []*function{}}
	for _, name := range names() {
		m.Kernels = append(m.Kernels, registered[name])
	}
	return json.NewEncoder(to).Encode(m)
}
