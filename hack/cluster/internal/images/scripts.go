package images

import (
	"os"
	"path/filepath"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// scripts are the entrypoints, in hack/images/dind.
var scripts = []string{"dockerd-entrypoint.sh", "docker-entrypoint.sh"}

func (b *Builder) scriptsLayer() (Descriptor, error) {
	directory := filepath.Join(b.Checkout, "hack", "images", "dind")
	var influences []string
	for _, script := range scripts {
		content, err := os.ReadFile(filepath.Join(directory, script))
		if err != nil {
			return Descriptor{}, err
		}
		influences = append(influences, string(content))
	}
	return b.layer(recipeName("scripts", versions.Engine, append(influences, "2")...), "write the layer with the image's entrypoints", time.Second, func(layer *tarball, _ string, _ func(string)) error {
		for _, script := range scripts {
			layer.add("usr/local/bin/"+script, filepath.Join(directory, script), 0o755)
		}
		layer.link("usr/bin/docker-init", "tini-static")
		layer.directory("certs", 0o1777)
		layer.directory("certs/client", 0o1777)
		return nil
	})
}
