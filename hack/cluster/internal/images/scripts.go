package images

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// scripts are the entrypoints, in hack/images/dind.
var scripts = []string{"dockerd-entrypoint.sh", "docker-entrypoint.sh"}

// iptables are the programs that have a legacy variant.
var iptables = []string{"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"}

func (b *Builder) scriptsLayer(ctx context.Context) (Descriptor, error) {
	directory := filepath.Join(b.Checkout, "hack", "images", "dind")
	var influences []string
	for _, script := range scripts {
		content, err := os.ReadFile(filepath.Join(directory, script))
		if err != nil {
			return Descriptor{}, err
		}
		influences = append(influences, string(content))
	}
	return b.layer(recipeName("scripts", versions.Engine, append(influences, versions.Moby, "3")...), "write the layer with the image's entrypoints", time.Second, func(layer *tarball, workshop string, _ func(string)) error {
		moby, err := moduleDirectory(ctx, workshop, "github.com/moby/moby/v2@"+versions.Moby)
		if err != nil {
			return err
		}
		layer.add("usr/local/bin/dind", filepath.Join(moby, "hack", "dind"), 0o755)
		for _, script := range scripts {
			layer.add("usr/local/bin/"+script, filepath.Join(directory, script), 0o755)
		}
		layer.link("usr/bin/docker-init", "tini-static")
		for _, name := range iptables {
			layer.link("usr/local/sbin/.iptables-legacy/"+name, "/usr/sbin/"+strings.Replace(name, "tables", "tables-legacy", 1))
		}
		layer.directory("certs", 0o1777)
		layer.directory("certs/client", 0o1777)
		return nil
	})
}

// moduleDirectory returns the directory of a module in Go's module cache. It runs
// in a directory where no other module has a say.
func moduleDirectory(ctx context.Context, directory, module string) (string, error) {
	command := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	command.Dir = directory
	command.Env = append(os.Environ(), "GOWORK=off")
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("go mod download %s: %w: %s", module, err, output)
	}
	var downloaded struct{ Dir string }
	return downloaded.Dir, json.Unmarshal(output, &downloaded)
}
