package images

import (
	"os"
	"path/filepath"

	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// scripts are the entry points, found in hack/images/dind.
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
	return first(b.layers(recipeName("scripts", versions.Engine, influences...), func(workshop string) ([]string, error) {
		path := filepath.Join(workshop, "layer")
		layer := newTarball(path)
		for _, script := range scripts {
			layer.add("usr/local/bin/"+script, filepath.Join(directory, script), 0o755)
		}
		layer.directory("certs", 0o1777)
		layer.directory("certs/client", 0o1777)
		return []string{path}, layer.close()
	}))
}
