//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// With --prune-unused-for 0, prune removes everything unused, reports how much
// that was, and keeps what a container uses.
func TestPruneRemovesUnusedData(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest(), "--prune-unused-for", "0")
	i.buildsCold(t, "unused")
	i.buildsCold(t, "used")
	// Enough to show on a disk that others write to as well.
	i.job(t, `printf 'FROM `+baseImage+`\nRUN head -c 200000000 /dev/urandom >/blob\n' | docker build --quiet --output type=cacheonly -`).want(t)
	i.job(t, `docker run --detach --stop-timeout 1 --name keeper used sleep 36000`).want(t)
	// The dry run lists what will be removed.
	preview := decode[prunable](t, succeed(t, i.command("prune-now", "--dry-run", "-o", "json")...))
	if len(preview.Images) != 1 || preview.Images[0].Name != "unused:latest" || preview.BuildCache.AfterBytes >= preview.BuildCache.BeforeBytes || len(preview.Containers)+len(preview.Networks) > 0 {
		t.Errorf("dry run: %+v", preview)
	}
	for _, one := range preview.Images {
		if one.LastUsed == nil || time.Since(*one.LastUsed) > hangs || time.Until(*one.LastUsed) > hangs {
			t.Errorf("%s was used at %v", one.Name, one.LastUsed)
		}
	}
	kept := decode[prunable](t, succeed(t, i.command("prune-now", "--dry-run", "--unused-for", "1h", "-o", "json")...))
	if len(kept.Images) > 0 || kept.BuildCache.AfterBytes != kept.BuildCache.BeforeBytes {
		t.Errorf("dry run with fresh data: %+v", kept)
	}
	dindctl(t, i.command("prune-now", "--all")...).want(t, usage).says(t, "1 container running", "--when-idle", "--yes")
	r := succeed(t, i.command("prune-now", "-v", "-o", "json")...).says(t, "+ docker image prune -af", "Total reclaimed space: ")
	report := decode[pruned](t, r)
	// How much that was depends on what other tests write to the same disk.
	if report.ReclaimedBytes == nil || report.After["buildCacheBytes"] >= report.Before["buildCacheBytes"] || report.After["reclaimableBytes"] >= report.Before["reclaimableBytes"] {
		t.Errorf("before and after: %+v", report)
	}
	left := decode[prunable](t, succeed(t, i.command("prune-now", "--dry-run", "--all", "-o", "json")...))
	if len(left.Images) > 0 || left.BuildCache.AfterBytes != left.BuildCache.BeforeBytes {
		t.Errorf("still there: %+v", left)
	}
	i.job(t, `docker image ls --format '{{.Repository}}' | sort | tr '\n' ' '; docker ps`).want(t, "keeper", "used ")
	if log := i.job(t, `docker image ls`).want(t).log; strings.Contains(log, "unused") {
		t.Errorf("the unused image is still there:\n%s", log)
	}
	i.buildsCold(t, "unused")
}

// With --keep-storage, prune shrinks the build cache to that size, least
// recently used first, whatever its age. The test keeps no images: engines with
// the containerd image store count build cache as shared, and never prune it,
// if an image was built from it. It has its own disk, on which nothing else
// changes how much is free.
func TestPruneKeepsStorage(t *testing.T) {
	t.Parallel()
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			i, remove := onSmallDisk(t, image)
			defer remove()
			i.install(t, i.options...)
			// runs reports whether the build had to run its step.
			runs := func(name string) bool {
				t.Helper()
				out := i.job(t, fmt.Sprintf(`mkdir -p /tmp/context && cd /tmp/context
					printf 'FROM %s\nRUN echo ran-%s-step && head -c 30000000 /dev/urandom >/blob\n' >Dockerfile
					docker build --progress=plain --output type=cacheonly . 2>&1 | grep -v RUN; echo built`, baseImage, name)).want(t, "built")
				return strings.Contains(out.log, "ran-"+name+"-step")
			}
			for _, name := range []string{"older", "newer"} {
				equal(t, "the first build of "+name+" runs", runs(name), true)
			}
			equal(t, "the second build of newer runs", runs("newer"), false)
			r := succeed(t, i.command("prune-now", "--keep-storage", "40MB", "--when-idle", "-o", "json")...)
			if report := decode[pruned](t, r); report.ReclaimedBytes == nil || *report.ReclaimedBytes < 25e6 || report.After["buildCacheBytes"] > 40e6 {
				t.Errorf("report: %+v", report)
			}
			equal(t, "the newer build runs again", runs("newer"), false)
			equal(t, "the older build runs again", runs("older"), true)
		})
	}
}

// Prune removes what jobs leave behind by its age, with each engine, and what it
// removes is what the dry run names. Volumes with a name stay, and so does a container
// that runs or has the label.
func TestPruneRemovesLeftovers(t *testing.T) {
	t.Parallel()
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			i := install(t, image)
			i.job(t, `mkdir /tmp/c && cd /tmp/c
for n in 1 2; do printf 'FROM `+baseImage+`\nRUN echo %s >/n\n' $n >Dockerfile; docker build --quiet .; docker build --quiet -t rebuilt .; done
docker run --detach --stop-timeout 1 --name runs `+baseImage+` sleep 36000
docker run --name exited --volume /data `+baseImage+` true
docker run --name kept --label dindctl.keep `+baseImage+` true
docker run --rm --volume named:/data `+baseImage+` touch /data/file
docker run --detach --stop-timeout 1 --name buildx_buildkit_b0 --volume buildx_buildkit_b0_state:/data `+baseImage+` sleep 36000
docker volume create buildx_buildkit_gone0_state
docker volume create
docker network create left`).want(t)
			before := i.stock(t)
			equal(t, "pruned although it is new", i.prunes(t), stock{})
			gone := i.prunes(t, "--unused-for", "1s")
			equal(t, "containers that are gone", gone["exited"], []string{"exited"})
			equal(t, "builders that are gone", gone["builder"], []string{"buildx_buildkit_b0"})
			equal(t, "state that is gone", gone["state"], []string{"buildx_buildkit_b0_state", "buildx_buildkit_gone0_state"})
			equal(t, "anonymous volumes that are gone", gone["anonymous"], before["anonymous"])
			equal(t, "images without a tag that are gone", gone["untagged"], before["untagged"])
			equal(t, "volumes that are left", i.stock(t)["volume"], []string{"named"})
		})
	}
}

// A prune Job that does not reach the daemon fails, and status shows its
// message.
func TestFailedPruneIsExplained(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	i.routeNowhere(t)
	i.startScheduledPrune(t, func(job *batchv1.JobSpec) { job.BackoffLimit = new(int32(0)) })
	eventually(t, "the prune Job to fail", func(context.Context) (bool, error) {
		prune := decode[status](t, dindctl(t, i.command("status", "-o", "json")...)).Prune // unhealthy or not
		if prune == nil || prune.LastResult == nil || *prune.LastResult != "failed" {
			return false, nil
		}
		if prune.LastFailure == nil || !strings.Contains(*prune.LastFailure, "is not responding") || prune.LastDurationSeconds == nil || prune.LastReclaimedBytes != nil {
			t.Errorf("the last prune: %+v", prune)
		}
		return true, nil
	})
	contains(t, "status as text", dindctl(t, i.command("status")...).stdout, "The last prune failed", "is not responding")
}

// startScheduledPrune creates the CronJob's Job now, as `kubectl create job
// --from=cronjob/...` does, after a change.
func (i *installation) startScheduledPrune(t *testing.T, change func(*batchv1.JobSpec)) {
	t.Helper()
	cron := got[*batchv1.CronJob](t)(env.cluster.BatchV1().CronJobs(i.namespace).Get(t.Context(), i.name+"-clear-cache", metav1.GetOptions{}))
	job := &batchv1.Job{ObjectMeta: *cron.Spec.JobTemplate.ObjectMeta.DeepCopy(), Spec: cron.Spec.JobTemplate.Spec}
	job.Name = i.name + "-clear-cache-e2e"
	job.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(cron, batchv1.SchemeGroupVersion.WithKind("CronJob"))}
	change(&job.Spec)
	_, err := env.cluster.BatchV1().Jobs(i.namespace).Create(t.Context(), job, metav1.CreateOptions{})
	must(t, err)
}

// Clients build in a loop while prune runs with and without
// --unused-for. No build fails.
func TestPruneUnderLoad(t *testing.T) {
	t.Parallel()
	clients := times(6, 16)
	i := install(t, env.newest())
	pods := env.cluster.CoreV1().Pods(i.namespace)
	pod := got[*corev1.Pod](t)(pods.Create(t.Context(), jobPod(i.image, i.variables, awaitService+loops(clients)), metav1.CreateOptions{}))
	log := func(ctx context.Context) string {
		text, _ := pods.GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
		return string(text)
	}
	eventually(t, "each client's first build", func(ctx context.Context) (bool, error) {
		now, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil || now.Status.Phase == corev1.PodFailed {
			return true, err
		}
		return regexp.MustCompile(`(?m)^all have built once$`).MatchString(log(ctx)), nil
	})
	began := time.Now()
	succeed(t, i.command("prune-now", "-o", "json")...)
	// With --unused-for 1s, everything is removed that no build uses at the
	// moment.
	succeed(t, i.command("prune-now", "--unused-for", "1s", "-o", "json")...)
	if env.soak {
		// Keep pruning for two minutes.
		for time.Since(began) < 2*time.Minute {
			succeed(t, i.command("prune-now", "-o", "json")...)
		}
	}
	inPod(t, pod, "touch", stopFile)
	eventually(t, "the last builds", func(ctx context.Context) (bool, error) {
		now, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
		return err == nil && ended(now), err
	})
	output := log(t.Context())
	match := buildsLine.FindStringSubmatch(output)
	if match == nil {
		t.Fatalf("the builds did not end:\n%s", output)
	}
	succeeded, _ := strconv.Atoi(match[1])
	t.Logf("%s; pruning took %s", match[0], time.Since(began).Round(time.Second))
	if match[2] != "0" || succeeded <= clients {
		t.Errorf("%s:\n%s", match[0], output)
	}
}

// prunable is the document of `dindctl prune-now --dry-run -o json`.
type prunable struct {
	DryRun                                bool
	Containers, Networks, Volumes, Images []struct {
		ID, Name string
		Tags     []string
		LastUsed *time.Time
	}
	BuildCache struct{ BeforeBytes, AfterBytes int64 }
}

// stopFile is a file in the pod that ends the loops.
const stopFile = "/tmp/load/stop"

// loops returns a script in which clients build repeatedly until stopFile
// exists. Each build has its own layer, like pipelines that share a base and
// dependencies. The script prints a line when all clients have built once, and
// at the end the logs of failed builds and the numbers of builds that succeeded
// and failed.
func loops(clients int) string {
	return fmt.Sprintf(`
mkdir -p /tmp/load && cd /tmp/load
client() {
	mkdir $1
	builds=0
	until [ -e %s ]; do
		builds=$((builds + 1))
		printf 'FROM %s\nRUN echo shared >/dependencies && sleep 1\nRUN echo %%s >/application\n' "$1-$builds" >$1/Dockerfile
		if docker build -t load:$1 $1 >$1/log 2>&1; then echo $1 >>succeeded; else echo $1 >>failures; cat $1/log >>failures.log; fi
		sleep 3 # other tests use the same disk and processors
	done
}
touch succeeded failures failures.log
for n in $(seq %d); do client $n & done
while [ $(cat succeeded failures | sort -u | wc -l) -lt %d ]; do sleep 0.2; done
echo "all have built once"
wait
cat failures.log
echo "builds: $(wc -l <succeeded) succeeded, $(wc -l <failures) failed"`, stopFile, baseImage, clients, clients)
}

var buildsLine = regexp.MustCompile(`(?m)^builds: (\d+) succeeded, (\d+) failed$`)
