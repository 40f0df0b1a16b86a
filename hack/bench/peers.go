package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// The measured builds of each way to build, and pushes of what they built.
const (
	peerFirst    = "first build"
	peerPushAll  = "its push"
	peerLater    = "later builds"
	peerPush     = "their push"
	peerRestart  = "after a restart"
	peerPruned   = "after the weekly prune"
	withCache    = "a new daemon for each job, with a registry cache in mode max"
	ownSocket    = "the floor: in dindctl's daemon, at its own socket"
	buildxDriver = "buildx's Kubernetes driver, with a claim"
)

// peer is a way to build that is compared with others.
type peer struct {
	name string
	job  buildPod
	// builder is what builds, nil if that is the job's own pod. inside runs the job's
	// script in its container instead of a job.
	builder *builder
	inside  bool
	// start prepares what jobs share, prune is its weekly prune; nil if there is none.
	start, prune func(context.Context) error
	cache        string // the reference of the registry cache
}

// peers returns the ways to build.
func (a arena) peers(size buildSize) []peer {
	image := engines()[len(engines())-1]
	job := buildPod{image: image, megabytes: size.megabytes, builds: 1, registry: a.registry}
	own := job
	own.daemon = true
	all := []peer{{name: perJob, job: own}, a.cachePeer(own), a.buildxPeer(job)}
	install := func(options ...string) func(context.Context) error {
		return func(ctx context.Context) error { return a.install(ctx, image, options...) }
	}
	prune := func(ctx context.Context) error {
		_, err := a.run(ctx, a.dindctl, "prune-now", "-n", a.namespace)
		return err
	}
	for _, store := range imageStores {
		all = append(all, peer{name: "dindctl, " + store.name, job: job, builder: &daemon, start: install(store.options...), prune: prune})
	}
	return append(all, peer{name: ownSocket, job: job, builder: &daemon, inside: true, start: install(), prune: prune})
}

// cachePeer keeps the cache of a job's daemon in the registry.
func (a arena) cachePeer(job buildPod) peer {
	p := peer{name: withCache, job: job, cache: a.registry + "/bench-cache:" + a.namespace}
	p.job.env = map[string]string{"BUILD": "docker buildx build --cache-from type=registry,ref=" + p.cache + " --cache-to type=registry,mode=max,ref=" + p.cache}
	p.start = func(context.Context) error {
		if a.registry == "" {
			return skipped("there is no registry for the cache")
		}
		return nil
	}
	return p
}

// buildxPeer has one builder in the cluster that each job finds by its name and options.
// Its builds stay in the builder; it exports an image only to push it.
func (a arena) buildxPeer(job buildPod) peer {
	create := "docker buildx create --name peer --driver kubernetes --driver-opt namespace=" + a.namespace +
		",image=moby/buildkit:buildx-stable-1,persistent-volume-claim.requests.storage=10Gi"
	job.setup, job.token = []string{create}, true
	job.env = map[string]string{
		"BUILD": "docker buildx build --builder peer --output type=cacheonly",
		"PUSH":  "docker buildx build --builder peer --push",
	}
	once := func(script string) func(context.Context) error {
		return func(ctx context.Context) error {
			shared := job
			shared.script = "set -eu\n" + script
			_, err := a.runJob(ctx, shared)
			return err
		}
	}
	bootstrap := once(`[ -z "$REGISTRY" ] || ` + mirrorConfig + `
eval "$SETUP ${REGISTRY:+--buildkitd-config /tmp/buildkitd.toml}"
docker buildx inspect --bootstrap peer`)
	return peer{
		name: buildxDriver, job: job, builder: &buildxBuilder,
		start: func(ctx context.Context) error {
			if err := a.allowBuildx(ctx); err != nil {
				return err
			}
			if err := bootstrap(ctx); err != nil || a.registry == "" {
				return err
			}
			return a.mountConfig(ctx)
		},
		prune: once(`eval "$SETUP"
docker buildx prune --builder peer --all --force --filter until=168h`),
	}
}

// mountConfig mounts buildx's ConfigMap with the mirror: with a claim, buildx 0.37 leaves
// this mount out.
func (a arena) mountConfig(ctx context.Context) error {
	const patch = `{"spec":{"template":{"spec":{"containers":[{"name":"buildkitd","volumeMounts":[{"name":"config","mountPath":"/etc/buildkit"}]}]}}}}`
	if _, err := a.run(ctx, a.kubectl, "patch", "-n", a.namespace, buildxBuilder.workload, "--patch", patch); err != nil {
		return err
	}
	_, err := a.run(ctx, a.kubectl, "rollout", "status", "-n", a.namespace, buildxBuilder.workload)
	return err
}

// mirrorConfig is a command that makes a configuration for buildkitd.
const mirrorConfig = `printf '[registry."docker.io"]\n  mirrors = ["%s"]\n[registry."%s"]\n  http = true\n' "$REGISTRY" "$REGISTRY" >/tmp/buildkitd.toml`

// skipped is why a way to build cannot be measured here.
type skipped string

func (s skipped) Error() string { return "skipped: " + string(s) }

// unsupported has what clients print if they or the engine are too old for a way to build.
var unsupported = map[string]skipped{
	"invalid driver option persistent-volume-claim": "this buildx cannot give a builder a claim",
	"Cache export is not supported":                 "this engine's own builder cannot export a cache",
}

// explained returns why the way to build cannot be measured here, if the error says so.
func explained(err error) error {
	for message, reason := range unsupported {
		if err != nil && strings.Contains(err.Error(), message) {
			return reason
		}
	}
	return err
}

// peers measures the ways to build in turns, each time in a new namespace. Each round
// starts with another one.
func (s setting) peers(ctx context.Context) ([]peerFigures, error) {
	size := sizeFor(s.runs)
	all := make([]*peerSamples, len(arena{setting: s}.peers(size)))
	order := make([]int, len(all))
	for n := range all {
		all[n], order[n] = newPeerSamples(arena{setting: s}.peers(size)[n]), n
	}
	for turn := range s.runs {
		for _, n := range rotated(order, turn) {
			if all[n].skipped != "" {
				continue
			}
			fmt.Fprintf(os.Stderr, "bench: %s, round %d of %d\n", all[n].name, turn+1, s.runs)
			err := s.inNamespace(ctx, func(a arena) error { return explained(a.measurePeer(ctx, a.peers(size)[n], all[n])) })
			var reason skipped
			if errors.As(err, &reason) && ctx.Err() == nil {
				all[n].skipped = string(reason)
			} else if err != nil {
				return nil, fmt.Errorf("%s: %w", all[n].name, err)
			}
		}
	}
	figures := make([]peerFigures, len(all))
	for n, samples := range all {
		figures[n] = samples.figures()
	}
	return figures, nil
}
