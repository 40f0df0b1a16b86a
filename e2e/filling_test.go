//go:build e2e

package e2e

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// The disk does not fill up. On a file system of 2 GiB the build cache stays
// below its limit, the least recently used images above the high-water mark are
// removed, and a build that fills the disk fails without affecting others.
func TestFillingDisk(t *testing.T) {
	t.Parallel()
	for _, image := range env.mainImages() {
		t.Run(image, func(t *testing.T) {
			i, remove := onSmallDisk(t, image)
			// Deferred, because the context of the test is cancelled before
			// t.Cleanup functions run.
			defer remove()
			disk := i.options
			spare := func(seconds int) []string {
				return append(slices.Clone(disk), "--cache-limit", "30%", "--high-water", "60%",
					"--env", "DINDCTL_IMAGE_SPARE="+strconv.Itoa(seconds), "--env", "DINDCTL_GUARD_INTERVAL=2",
					// Only the debug log shows what the garbage collector did.
					"--dockerd-arg", "--debug")
			}
			i.install(t, spare(20)...)
			pod := i.pod(t)
			defer func() {
				if t.Failed() {
					t.Log("the daemon's log says of the disk:\n" + strings.Join(regexp.MustCompile(`(?m)^dindctl: the .*$`).FindAllString(i.log(t), -1), "\n"))
				}
			}()
			// On a slow machine, too, an image must stay while the next ones are built.
			if seconds := 6 * i.checkCacheLimit(t); seconds > 20 {
				i.install(t, spare(seconds)...)
				pod = i.pod(t)
			}
			i.checkImageLimit(t)
			i.checkFullDisk(t)
			after := i.pod(t)
			if after.UID != pod.UID || after.Status.ContainerStatuses[0].RestartCount != 0 {
				t.Errorf("the daemon was restarted: pod %s, %+v", after.Name, after.Status.ContainerStatuses)
			}
		})
	}
}

// checkCacheLimit builds twice the limit of the build cache, and waits for
// BuildKit's garbage collector, which runs within a minute of a build. On a
// busy machine the collector has stopped halfway. Then one more build must
// start it again, and the test records that it was needed. It returns how many seconds a
// build took.
func (i *installation) checkCacheLimit(t *testing.T) int {
	t.Helper()
	began := time.Now()
	const limit = 2 << 30 * 30 / 100
	i.job(t, `
mkdir /tmp/c && cd /tmp/c
for n in $(seq 13); do
	printf 'FROM `+baseImage+`\nRUN dd if=/dev/urandom of=/data bs=1M count=100 && echo %s\n' $n >Dockerfile
	docker build --quiet --output type=cacheonly .
done`).want(t)
	built, again := time.Now(), false
	each := built.Sub(began) / 13
	eventually(t, "the build cache to be under its limit", func(context.Context) (bool, error) {
		bytes := statusOf(t, i).Disk.BuildCacheBytes
		if bytes != nil && *bytes > 0 && *bytes <= limit {
			return true, nil
		}
		if !again && time.Since(built) > 90*time.Second {
			again = true
			t.Attr("collector-needed-one-more-build", i.image)
			t.Logf("the cache is still too large; the garbage collector logged:\n%s", collected.FindAllString(i.log(t), -1))
			i.job(t, `printf 'FROM `+baseImage+`\nRUN true\n' | docker build --quiet --no-cache --output type=cacheonly -`).want(t)
		}
		return false, nil
	})
	// The most recently used records stay.
	log := i.job(t, `
mkdir /tmp/c && cd /tmp/c
printf 'FROM `+baseImage+`\nRUN dd if=/dev/urandom of=/data bs=1M count=100 && echo %s\n' 13 >Dockerfile
docker build --progress=plain --output type=cacheonly . 2>&1`).want(t).log
	if !strings.Contains(log, " CACHED\n") {
		t.Errorf("the last build is no longer in the cache:\n%s", log)
	}
	return int(each.Seconds())
}

// collected matches a line of the daemon's log about its garbage collector.
var collected = regexp.MustCompile(`(?m)^.*msg="gc .*$`)

// log returns the daemon's log.
func (i *installation) log(t *testing.T) string {
	t.Helper()
	return string(got[[]byte](t)(env.cluster.CoreV1().Pods(i.namespace).GetLogs(i.pod(t).Name, &corev1.PodLogOptions{}).DoRaw(t.Context())))
}

// checkImageLimit tags one image after the other, and keeps using the first.
func (i *installation) checkImageLimit(t *testing.T) {
	t.Helper()
	i.job(t, `
mkdir /tmp/c && cd /tmp/c
n=0
until [ $n -eq 60 ] || { [ $n -gt 2 ] && ! docker image inspect app:2 >/dev/null 2>&1; }; do
	n=$((n + 1))
	printf 'FROM `+baseImage+`\nRUN dd if=/dev/urandom of=/data bs=1M count=90 && echo image %s\n' $n >Dockerfile
	docker build --quiet --tag app:$n .
	docker run --rm app:1 true
done
docker run --rm app:1 echo app:1 is there
docker image inspect app:2 >/dev/null 2>&1 || echo app:2 is gone
docker image inspect app:$n >/dev/null && echo the last image is there`).want(t, "app:1 is there", "app:2 is gone", "the last image is there")
	eventually(t, "free space on the disk", func(context.Context) (bool, error) {
		disk := statusOf(t, i).Disk
		return disk.UsedBytes != nil && *disk.UsedBytes*100 < *disk.CapacityBytes*60, nil
	})
	removed := regexp.MustCompile(`dindctl: the disk was \d+% full: removed image app:2`)
	eventually(t, "the daemon's log to mention it", func(context.Context) (bool, error) { return removed.MatchString(i.log(t)), nil })
}

// checkFullDisk runs a build that writes more than the disk holds.
func (i *installation) checkFullDisk(t *testing.T) {
	t.Helper()
	r := i.job(t, `
mkdir /tmp/c && cd /tmp/c
printf 'FROM `+baseImage+`\nRUN dd if=/dev/zero of=/huge bs=1M count=4096\n' >Dockerfile
docker build --progress=plain . 2>&1`)
	if r.code == 0 || !strings.Contains(strings.ToLower(r.log), "no space left on device") {
		t.Errorf("a build that fills the disk ended with %d:\n%s", r.code, r.log)
	}
	i.buildsCold(t, "next")
	i.buildsCached(t, "next", "after the disk was full")
}

// Volumes alone fill the disk: nobody but jobs removes those with a name, so status
// names them, and what was used lately stays. Once they are gone, so is the problem.
func TestFillingByVolumes(t *testing.T) {
	t.Parallel()
	i, remove := onSmallDisk(t, env.newest())
	defer remove()
	i.install(t, append(i.options, "--cache-limit", "30%", "--high-water", "60%",
		"--env", "DINDCTL_IMAGE_SPARE=20", "--env", "DINDCTL_GUARD_INTERVAL=2")...)
	i.job(t, `docker run --name anonymous --volume /data `+baseImage+` dd if=/dev/zero of=/data/f bs=1M count=200 && docker rm anonymous
docker run --rm --volume named:/data `+baseImage+` dd if=/dev/zero of=/data/f bs=1M count=1400`).want(t)
	eventually(t, "status to name the volumes", func(context.Context) (bool, error) {
		for _, problem := range statusOf(t, i).Problems {
			if strings.Contains(problem.Message, "found no more to remove: volumes hold 1.4 GiB") {
				return true, nil
			}
		}
		return false, nil
	})
	equal(t, "anonymous volumes", i.stock(t)["anonymous"], nil)
	equal(t, "volumes", i.stock(t)["volume"], []string{"named"})
	i.job(t, `docker image inspect `+baseImage+` >/dev/null && docker volume rm named`).want(t)
	eventually(t, "the problem to be gone", func(context.Context) (bool, error) { return len(statusOf(t, i).Problems) == 0, nil })
}

// Build cache alone fills a disk that is smaller than the claim, so that the builder's
// own limit does not apply. Every build succeeds.
func TestFillingByCache(t *testing.T) {
	soakOnly(t)
	t.Parallel()
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			i, remove := onSmallDisk(t, image)
			defer remove()
			i.install(t, append(i.options, "--storage-size", "20Gi", "--high-water", "80%",
				"--env", "DINDCTL_IMAGE_SPARE=20", "--env", "DINDCTL_GUARD_INTERVAL=2")...)
			i.job(t, `
mkdir /tmp/c && cd /tmp/c
for n in $(seq 30); do
	printf 'FROM `+baseImage+`\nRUN dd if=/dev/urandom of=/data bs=1M count=100 && echo %s\n' $n >Dockerfile
	docker build --quiet --output type=cacheonly . || exit
	sleep 2
done`).want(t)
			eventually(t, "free space on the disk", func(context.Context) (bool, error) {
				disk := statusOf(t, i).Disk
				return disk.UsedBytes != nil && *disk.UsedBytes*100 < *disk.CapacityBytes*80, nil
			})
		})
	}
}

// onSmallDisk returns an installation whose options select a Local
// PersistentVolume on a 2 GiB file system, which is a file on the node. remove
// uninstalls it and removes the file system.
func onSmallDisk(t *testing.T, image string) (i *installation, remove func()) {
	t.Helper()
	node := anyNode(t)
	i = newInstallation(t, image)
	createNamespace(t, i.namespace)
	directory := "/var/lib/" + i.namespace
	file := directory + ".img"
	i.options = []string{"--local-path", directory, "--local-node", node, "--storage-size", "2Gi"}
	created := runPod(t, i.namespace, nodePod(node, image,
		"truncate -s 2G "+file+" && mkfs.ext4 -q -F -m 0 "+file+" && mkdir -p "+directory+" && mount -o loop "+file+" "+directory))
	removeDisk := func() {
		runPod(t, i.namespace, nodePod(node, image, "umount -l "+directory+"; rm -rf "+file+" "+directory)).want(t)
	}
	if created.code != 0 {
		t.Skipf("node %s cannot create a file system in a file: %s", node, created.log)
	}
	return i, func() {
		if t.Failed() {
			describeNamespace(t, i.namespace) // while there is a pod
		}
		dindctl(t, i.command("uninstall", "--delete-data", "--yes")...)
		removeDisk()
	}
}

// nodePod returns a pod that runs a script with the node's own programs, in the
// kubelet's mount namespace.
func nodePod(node, image, script string) *corev1.Pod {
	pod := jobPod(image, nil, `
kubelet=1
for process in /proc/[0-9]*; do
	if [ "$(cat $process/comm 2>/dev/null)" = kubelet ]; then kubelet=${process#/proc/}; fi
done
exec nsenter -t $kubelet -m -- sh -euc 'export PATH=/usr/sbin:/usr/bin:/sbin:/bin; `+script+`'`)
	pod.Spec.NodeSelector = map[string]string{corev1.LabelHostname: node}
	pod.Spec.HostPID = true
	pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
	return pod
}
