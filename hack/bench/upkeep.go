package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/dind"
)

// upkeep has what prunes and image garbage collection cost in one image store.
type upkeep struct {
	Store  string       `json:"store"`
	Images int          `json:"images"`
	Costs  []upkeepCost `json:"costs"`
}

// upkeepCost has what one of them costs. Listing compares its time with that of
// `docker image ls --all` in the same daemon.
type upkeepCost struct {
	Name     string  `json:"name"`
	Seconds  float64 `json:"seconds"`
	Listing  float64 `json:"comparedWithListing"`
	Requests int     `json:"dockerRequests"`
}

// imagesScript is a job's script. Its first comment describes its input.
//
//go:embed images.sh
var imagesScript string

// manyImages returns fewer images if there are too few runs for the goals.
func manyImages(runs int) int {
	if runs < enoughRuns {
		return 200
	}
	return 3000
}

// upkeep measures each image store of the newest engine once.
func (s setting) upkeep(ctx context.Context) (all []upkeep, err error) {
	for _, store := range imageStores {
		measured := upkeep{Store: store.name, Images: manyImages(s.runs)}
		fmt.Fprintf(os.Stderr, "bench: prunes with %d images, %s\n", measured.Images, store.name)
		err := s.inNamespace(ctx, func(a arena) error { return a.upkeep(ctx, store, &measured) })
		if err != nil {
			return nil, fmt.Errorf("prunes, %s: %w", store.name, err)
		}
		all = append(all, measured)
	}
	return all, nil
}

// upkeep loads the images and measures. Only what it starts itself runs in the daemon:
// the interval of the daemon's own image garbage collection is a day.
func (a arena) upkeep(ctx context.Context, store imageStore, measured *upkeep) error {
	image := engines()[len(engines())-1]
	options := append([]string{"--dockerd-arg", "--debug", "--env", "DINDCTL_GUARD_INTERVAL=86400"}, store.options...)
	if err := a.install(ctx, image, options...); err != nil {
		return err
	}
	if _, err := a.runJob(ctx, buildPod{image: image, script: imagesScript, images: measured.Images}); err != nil {
		return err
	}
	inDaemon := func(script string) func() error {
		return func() error { _, err := a.inBuilder(ctx, daemon, script); return err }
	}
	prune := func(unusedFor string) func() error {
		return func() error {
			_, err := a.run(ctx, a.dindctl, "prune-now", "-n", a.namespace, "--unused-for", unusedFor, "--timeout", "30m")
			return err
		}
	}
	for _, step := range []struct {
		name string
		work func() error
	}{
		{"docker image ls --all", inDaemon("docker image ls --all --quiet")},
		{"image garbage collection, one check below the mark", inDaemon(guardTurn("99"))},
		{"image garbage collection, one check above the mark that finds nothing to remove", inDaemon(guardTurn("1"))},
		{"a prune that finds nothing to remove", prune("24h")},
		{"a prune that removes every image", prune("1s")},
	} {
		cost, err := a.cost(ctx, step.work)
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		cost.Name = step.name
		measured.Costs = append(measured.Costs, cost)
	}
	for i := range measured.Costs {
		measured.Costs[i].Listing = measured.Costs[i].Seconds / measured.Costs[0].Seconds
	}
	return nil
}

// guardTurn returns a script with one check of image garbage collection, which ends with
// the process that it takes for the daemon. Its output goes to a file, because what follows
// events keeps it open.
func guardTurn(mark string) string {
	return "sleep 0.5 & DINDCTL_GUARD_INTERVAL=0 sh /etc/dindctl/guard.sh " + mark + " $! >/tmp/turn 2>&1"
}

// dockerRequest matches a request in the daemon's debug log, of any engine.
var dockerRequest = regexp.MustCompile(`(?m)^.*\b(?:Calling|handling) (?:GET|POST|PUT|DELETE)\b.*$`)

// cost measures the time of work and counts the requests that the daemon logs meanwhile,
// but for those of probes.
func (a arena) cost(ctx context.Context, work func() error) (cost upkeepCost, err error) {
	pods := a.client.CoreV1().Pods(a.namespace)
	list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: "app=" + dind.DefaultName})
	if err != nil || len(list.Items) != 1 {
		return cost, fmt.Errorf("there are %d pods of the daemon: %w", len(list.Items), err)
	}
	began := time.Now()
	if err := work(); err != nil {
		return cost, err
	}
	cost.Seconds = time.Since(began).Seconds()
	log, err := pods.GetLogs(list.Items[0].Name, &corev1.PodLogOptions{
		Container: dind.ContainerName, SinceTime: &metav1.Time{Time: began},
	}).DoRaw(ctx)
	for _, line := range dockerRequest.FindAllString(string(log), -1) {
		if !strings.Contains(line, "/_ping") && !strings.Contains(line, "/version") {
			cost.Requests++
		}
	}
	return cost, err
}

// writeUpkeep adds the section to a table, with two columns for each store.
func writeUpkeep(table io.Writer, all []upkeep) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(table, "\n")
	for _, store := range all {
		fmt.Fprintf(table, "%s\t\t\t", store.Store)
	}
	fmt.Fprintf(table, "  with %d images: time, compared with a listing, requests to the daemon\n", all[0].Images)
	for n, cost := range all[0].Costs {
		for _, store := range all {
			c := store.Costs[n]
			fmt.Fprintf(table, "%.1f s\t%.1f ×\t%d\t", c.Seconds, c.Listing, c.Requests)
		}
		fmt.Fprintf(table, "  %s\n", cost.Name)
	}
}
