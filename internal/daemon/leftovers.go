package daemon

import (
	"context"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Leftovers is what jobs have in the daemon and may have left there: the daemon does not
// know whether the job still runs. Each list is sorted by age, oldest first.
type Leftovers struct {
	// Containers run, or are paused or restarting. Those of builders are not among them.
	Containers []Leftover `json:"containers"`
	// Builders are the containers of `docker buildx create`.
	Builders []Leftover `json:"builders"`
	// Networks are user-defined networks without a running container.
	Networks []Leftover `json:"networks"`
}

// Leftover is one object of a job.
type Leftover struct {
	Name string `json:"name"`
	// Image is what the container was started from; "" for a network.
	Image   string    `json:"image,omitempty"`
	Created time.Time `json:"created"`
}

// Leftovers lists what jobs have in the daemon. Unlike Contents, it computes no sizes.
func (e *Engine) Leftovers(ctx context.Context) (Leftovers, error) {
	containers, builders, err := e.running(ctx)
	if err != nil {
		return Leftovers{}, e.explain(ctx, "list the Docker daemon's containers", err)
	}
	networks, err := e.client.NetworkList(ctx, unusedNetworks())
	if err != nil {
		return Leftovers{}, e.explain(ctx, "list the Docker daemon's networks", err)
	}
	left := Leftovers{Containers: containers, Builders: builders, Networks: []Leftover{}}
	for _, n := range networks.Items {
		left.Networks = append(left.Networks, Leftover{Name: n.Name, Created: n.Created.UTC()})
	}
	oldestFirst(left.Networks, Leftover.age)
	return left, nil
}

// unusedNetworks selects user-defined networks without a running container.
func unusedNetworks() client.NetworkListOptions {
	return client.NetworkListOptions{Filters: client.Filters{}.Add("dangling", "true").Add("type", "custom")}
}

// running lists the containers that are not stopped, and separately those of builders.
func (e *Engine) running(ctx context.Context) (containers, builders []Leftover, err error) {
	list, err := e.client.ContainerList(ctx, client.ContainerListOptions{})
	if err != nil {
		return nil, nil, err
	}
	containers, builders = []Leftover{}, []Leftover{}
	for _, c := range list.Items {
		one := Leftover{Name: nameOf(c), Image: imageOf(c), Created: time.Unix(c.Created, 0).UTC()}
		if isBuilder(c.Names) {
			builders = append(builders, one)
		} else {
			containers = append(containers, one)
		}
	}
	oldestFirst(containers, Leftover.age)
	oldestFirst(builders, Leftover.age)
	return containers, builders, nil
}

func (l Leftover) age() (time.Time, string) { return l.Created, l.Name }

// nameOf returns a container's own name. Names under which others link to it have a
// second slash.
func nameOf(c container.Summary) string {
	for _, name := range c.Names {
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return shortID(c.ID)
}

// imageOf returns what the container was started from, or a short ID if that tag is on
// another image now.
func imageOf(c container.Summary) string {
	if id, is := strings.CutPrefix(c.Image, "sha256:"); is {
		return shortID(id)
	}
	return c.Image
}

// shortID shortens an ID like docker does.
func shortID(id string) string { return id[:min(len(id), 12)] }

// isBuilder reports whether a container belongs to `docker buildx create --driver
// docker-container`. Such containers run until they are removed, so a daemon with
// one would never be idle. The builds inside them are not visible to the daemon.
func isBuilder(names []string) bool {
	for _, name := range names {
		if strings.HasPrefix(name, "/buildx_buildkit_") {
			return true
		}
	}
	return false
}
