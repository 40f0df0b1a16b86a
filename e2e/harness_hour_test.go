//go:build e2e

package e2e

import (
	"context"
	"embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// hourScripts are the scripts of the jobs of an hour, and serve.sh, which is the
// program of a registry.
//
//go:embed hour/*.sh
var hourScripts embed.FS

// builderImage is the image that buildx takes for builders of its docker-container
// driver. It is on Docker Hub and in the embedded cluster's registry.
const builderImage = "moby/buildkit:buildx-stable-1"

// hour runs the CI jobs of an hour, side by side. Nobody cleans up after them:
// some start containers, volumes and networks and do not remove them, some leave
// images without a tag, and some are killed in the middle of a build, a pull, a
// push or `docker run`. It returns what the hour added to the daemon, but for base
// images, and checks that this is what it should be. Hours with different numbers
// use different names and ports.
func (i *installation) hour(t *testing.T, number int) stock {
	t.Helper()
	name := "hour" + strconv.Itoa(number)
	before := i.stock(t)
	// The jobs' variables, beside those that install printed.
	jobs := *i
	jobs.variables = maps.Clone(i.variables)
	maps.Copy(jobs.variables, map[string]string{
		"HOUR": name, "BASE": baseImage, "REGISTRY": hourScript(t, "serve"),
		"PORT": strconv.Itoa(18000 + number), "REGISTRY_PORT": strconv.Itoa(19000 + number),
	})
	run := func(script string) { jobs.job(t, hourScript(t, script)).want(t) }
	var side sync.WaitGroup
	side.Go(func() { run("rebuilds") })
	side.Go(func() { run("services") })
	side.Go(func() { run("compose") })
	side.Go(func() { run("builder") })
	side.Go(func() { jobs.applications(t, number) })
	side.Go(func() { jobs.share(t, name) })
	middle := func(job *corev1.Pod) bool {
		return strings.Contains(tailOf(t.Context(), job, "build", false), "in the middle")
	}
	side.Go(func() {
		jobs.kill(t, `
printf 'FROM %s\nRUN echo in the $(echo middle) && sleep 36000\n' "$BASE" | docker build --progress=plain --tag killed:$HOUR - 2>&1`, middle)
	})
	side.Go(func() {
		jobs.kill(t, `docker run --stop-timeout 1 --name cancelled-$HOUR "$BASE" sh -c 'echo in the middle; exec sleep 36000'`, middle)
	})
	side.Go(func() {
		run("registry")
		held := func(method string) func(*corev1.Pod) bool {
			return func(*corev1.Pod) bool {
				return strings.Contains(inPod(t, i.pod(t), "sh", "-c", "docker logs registry-"+name+" 2>&1"), "holding "+method)
			}
		}
		side.Go(func() { jobs.kill(t, "docker pull 127.0.0.1:$REGISTRY_PORT/images:endless", held("GET")) })
		side.Go(func() {
			jobs.kill(t, `docker tag "registry:$HOUR" 127.0.0.1:$REGISTRY_PORT/pushed
				docker push 127.0.0.1:$REGISTRY_PORT/pushed`, held("P")) // PATCH or PUT
		})
	})
	side.Wait()
	if t.Failed() {
		t.FailNow()
	}
	added := i.stock(t).without(before).without(stock{"tag": {baseImage, builderImage}})
	i.checkHour(t, name, number, added)
	return added
}

// applications builds an application whose dependencies and cache mount have been in the
// cache since the first hour.
func (i *installation) applications(t *testing.T, number int) {
	log := i.job(t, hourScript(t, "application")).want(t, fmt.Sprintf("the cache mount has seen %d builds", 4*number)).log
	if number > 1 && strings.Contains(log, "dependencies are downloaded") {
		t.Errorf("hour %d had to download the dependencies again:\n%s", number, log)
	}
}

func hourScript(t *testing.T, name string) string {
	return string(got[[]byte](t)(hourScripts.ReadFile("hour/" + name + ".sh")))
}

// share runs two jobs that use the same names. The second gets the daemon's own
// errors, and its image has the tag in the end.
func (i *installation) share(t *testing.T, hour string) {
	script := hourScript(t, "shared")
	run := func(job string) ran {
		variables := maps.Clone(i.variables)
		variables["JOB"] = job
		return runPod(t, i.namespace, jobPod(i.image, variables, awaitService+script)).want(t, job)
	}
	if log := run("first").log; strings.Contains(log, "for the first job") {
		t.Errorf("the first job got an error:\n%s", log)
	}
	run("second").want(t, "no network for the second job", "network with name shared-"+hour+" already exists",
		"no name for the second job", `The container name "/shared-`+hour+`" is already in use by container`,
		"no port for the second job", "port is already allocated")
}

// kill starts a job and deletes its pod once middle reports that the daemon is in
// the middle of the job's work.
func (i *installation) kill(t *testing.T, script string, middle func(job *corev1.Pod) bool) {
	job := startJob(t, i, script)
	pods := env.cluster.CoreV1().Pods(i.namespace)
	eventually(t, fmt.Sprintf("the middle of %q", script), func(ctx context.Context) (bool, error) {
		now, err := pods.Get(ctx, job.Name, metav1.GetOptions{})
		if err == nil && ended(now) {
			err = fmt.Errorf("the job ended by itself:\n%s", tailOf(ctx, job, "build", false))
		}
		return err == nil && middle(job), err
	})
	must(t, pods.Delete(t.Context(), job.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}))
}

// checkHour checks that an hour has added what it should.
func (i *installation) checkHour(t *testing.T, name string, number int, added stock) {
	t.Helper()
	t.Logf("%s added %+v", name, added)
	i.awaitNoBuilds(t)
	registry := "127.0.0.1:" + strconv.Itoa(19000+number) + "/"
	want := stock{
		"running": {"always-" + name, "cancelled-" + name, "left-" + name, "port-" + name + "-first",
			"project-" + name + "-db-1", "project-" + name + "-web-1", "registry-" + name, "shared-" + name},
		"exited":  {"exited-" + name},
		"created": {"port-" + name + "-second"},
		"builder": {"buildx_buildkit_builder-" + name + "0"},
		"state":   {"buildx_buildkit_builder-" + name + "0_state"},
		"volume":  {"always-" + name, "project-" + name + "_data"},
		"network": {"project-" + name + "_default", "shared-" + name},
		"tag":     {registry + "pushed:latest", "rebuilt:" + name, "registry:" + name, "service:" + name, "shared:" + name},
	}
	for n := range 4 {
		want["tag"] = append(want["tag"], fmt.Sprintf("application:%s-%d", name, n+1))
	}
	for kind := range want {
		slices.Sort(want[kind])
		equal(t, kind, added[kind], want[kind])
	}
	equal(t, "anonymous volumes", len(added["anonymous"]), 3)
	if len(added["untagged"]) < 4 { // three builds, and a pull by digest
		t.Errorf("images without a tag: %v", added["untagged"])
	}
}

// awaitNoBuilds waits until install reports that a restart aborts no builds.
func (i *installation) awaitNoBuilds(t *testing.T) (containers int) {
	t.Helper()
	line := i.command("install", i.installOptions(append(i.options, "--mtu", "1300", "--dry-run", "-o", "json")...)...)
	eventually(t, "the end of killed builds", func(context.Context) (bool, error) {
		outcome := decode[struct{ Restart *restart }](t, succeed(t, line...)).Restart
		if outcome == nil || outcome.Builds == nil || outcome.Containers == nil {
			return false, fmt.Errorf("a dry run reports this restart: %+v", outcome)
		}
		containers = *outcome.Containers
		return *outcome.Builds == 0, nil
	})
	return containers
}

// stock is what a daemon has, by kind: containers by their state (running, exited,
// created), builder (containers of `docker buildx create` that run) and state (their
// volumes), tag, untagged (IDs of images), volume, anonymous (volumes without a
// name) and network.
type stock map[string][]string

func (i *installation) stock(t *testing.T) stock {
	t.Helper()
	found := stock{}
	for line := range strings.Lines(inPod(t, i.pod(t), "sh", "-euc", `
docker ps --all --format '{{.State}} {{.Names}}'
docker image ls --all --no-trunc --format '{{if eq .Tag "<none>"}}untagged {{.ID}}{{else}}tag {{.Repository}}:{{.Tag}}{{end}}'
docker volume ls --format 'volume {{.Name}}'
docker network ls --filter type=custom --format 'network {{.Name}}'`)) {
		kind, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch isBuilder := strings.HasPrefix(name, "buildx_buildkit_"); {
		case kind == "volume" && len(name) == 64:
			kind = "anonymous"
		case kind == "volume" && isBuilder:
			kind = "state"
		case kind == "running" && isBuilder:
			kind = "builder"
		}
		found[kind] = append(found[kind], name)
	}
	for _, names := range found {
		slices.Sort(names)
	}
	return found
}

// without returns what the other stock does not have.
func (s stock) without(other stock) stock {
	rest := stock{}
	for kind, names := range s {
		for _, name := range names {
			if !slices.Contains(other[kind], name) {
				rest[kind] = append(rest[kind], name)
			}
		}
	}
	return rest
}
