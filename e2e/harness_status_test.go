//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// status is the document of `dindctl status -o json`, as documented. Pointers
// are null if something could not be read.
type status struct {
	Name       string `json:"name"`
	Namespace  string `json:"namespace"`
	Healthy    bool   `json:"healthy"`
	DockerHost string `json:"dockerHost"`
	TLS        bool   `json:"tls"`
	Objects    []struct {
		Kind   string `json:"kind"`
		Name   string `json:"name"`
		State  string `json:"state"`
		Ready  bool   `json:"ready"`
		Detail string `json:"detail"`
	} `json:"objects"`
	Daemon *struct {
		Version       string `json:"version"`
		APIVersion    string `json:"apiVersion"`
		MinAPIVersion string `json:"minApiVersion"`
		StorageDriver string `json:"storageDriver"`
		RootDir       string `json:"rootDir"`
		CgroupVersion string `json:"cgroupVersion"`
	} `json:"daemon"`
	Disk *struct {
		CapacityBytes     *int64   `json:"capacityBytes"`
		UsedBytes         *int64   `json:"usedBytes"`
		InodesUsedPercent *float64 `json:"inodesUsedPercent"`
		ImagesBytes       *int64   `json:"imagesBytes"`
		BuildCacheBytes   *int64   `json:"buildCacheBytes"`
		ReclaimableBytes  *int64   `json:"reclaimableBytes"`
		CacheLimitBytes   *int64   `json:"cacheLimitBytes"`
		OnNodeDisk        *bool    `json:"onNodeDisk"`
		LastImageGC       *struct {
			Images int64 `json:"images"`
		} `json:"lastImageGC"`
	} `json:"disk"`
	Limits struct {
		Held          bool   `json:"held"`
		CgroupVersion string `json:"cgroupVersion"`
	} `json:"limits"`
	Draining *struct {
		Clients []string `json:"clients"`
	} `json:"draining"`
	Leftovers *struct {
		Containers []leftover `json:"containers"`
		Builders   []leftover `json:"builders"`
		Networks   []leftover `json:"networks"`
	} `json:"leftovers"`
	Prune *struct {
		Schedule            string     `json:"schedule"`
		LastRun             *time.Time `json:"lastRun"`
		LastResult          *string    `json:"lastResult"`
		LastReclaimedBytes  *int64     `json:"lastReclaimedBytes"`
		LastDurationSeconds *float64   `json:"lastDurationSeconds"`
		LastFailure         *string    `json:"lastFailure"`
		NextRun             *time.Time `json:"nextRun"`
	} `json:"prune"`
	Problems []struct {
		Object  string `json:"object"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
		Hint    string `json:"hint"`
	} `json:"problems"`
}

// leftover is what status says of a container, a builder or a network.
type leftover struct {
	Name    string    `json:"name"`
	Image   string    `json:"image"`
	Created time.Time `json:"created"`
}

// statusFields holds all fields of the document, null or not.
const statusFields = `
	name namespace context options healthy dockerHost tls node objects problems
	daemon daemon.version daemon.apiVersion daemon.minApiVersion daemon.storageDriver daemon.rootDir daemon.cgroupVersion
	disk disk.capacityBytes disk.usedBytes disk.inodesUsedPercent disk.imagesBytes disk.buildCacheBytes disk.reclaimableBytes
	disk.volumesBytes disk.containersBytes disk.cacheLimitBytes disk.onNodeDisk disk.lastImageGC
	limits limits.held limits.cgroupVersion draining leftovers leftovers.containers leftovers.builders leftovers.networks
	prune prune.schedule prune.lastRun prune.lastResult prune.lastReclaimedBytes
	prune.lastDurationSeconds prune.lastFailure prune.nextRun`

func statusOf(t *testing.T, i *installation) status {
	t.Helper()
	return decode[status](t, succeed(t, i.command("status", "-o", "json")...))
}

// checkStatus checks every field of the status of a healthy installation that
// has run a build and was never pruned.
func checkStatus(t *testing.T, i *installation) {
	t.Helper()
	r := succeed(t, i.command("status", "-o", "json")...)
	equal(t, "fields", fieldsOf(t, r.stdout), slices.Sorted(slices.Values(strings.Fields(statusFields))))
	s := decode[status](t, r)
	if s.Name != i.name || s.Namespace != i.namespace || s.DockerHost != i.variables["DOCKER_HOST"] || s.TLS {
		t.Errorf("status of another installation: %s", r.stdout)
	}
	if !s.Healthy || len(s.Problems) > 0 {
		t.Errorf("not healthy: %+v", s.Problems)
	}
	states := map[string]string{}
	for _, object := range s.Objects {
		states[object.Kind+" "+object.Name] = object.State
		if !object.Ready {
			t.Errorf("%s %s is not ready: %s, %s", object.Kind, object.Name, object.State, object.Detail)
		}
	}
	equal(t, "objects", slices.Sorted(maps.Keys(states)), []string{
		"ConfigMap " + i.name + "-config", "CronJob " + i.name + "-clear-cache", "Deployment " + i.name,
		"NetworkPolicy " + i.name, "PersistentVolumeClaim " + i.name + "-data", "Service " + i.name, "Service " + i.name + "-pods",
	})
	equal(t, "claim", states["PersistentVolumeClaim "+i.name+"-data"], "Bound")
	if d := s.Daemon; d == nil || !strings.HasPrefix(d.Version, engineOf(i.image)) || d.APIVersion == "" || d.MinAPIVersion == "" || d.StorageDriver == "" ||
		d.RootDir != "/var/lib/docker" || (d.CgroupVersion != "1" && d.CgroupVersion != "2") {
		t.Errorf("daemon: %+v", d)
	}
	checkDisk(t, s)
	if p := s.Prune; p == nil || p.Schedule != "0 0 * * 0" || p.NextRun == nil || p.NextRun.Before(time.Now()) ||
		p.NextRun.After(time.Now().Add(8*24*time.Hour)) || p.LastRun != nil || p.LastResult != nil || p.LastReclaimedBytes != nil {
		t.Errorf("prune: %+v", p)
	}
}

func checkDisk(t *testing.T, s status) {
	t.Helper()
	d := s.Disk
	if d == nil || d.CapacityBytes == nil || d.UsedBytes == nil || d.ImagesBytes == nil || d.BuildCacheBytes == nil || d.ReclaimableBytes == nil {
		t.Fatalf("disk: %+v", d)
	}
	if *d.UsedBytes <= 0 || *d.UsedBytes > *d.CapacityBytes {
		t.Errorf("%d of %d bytes are in use", *d.UsedBytes, *d.CapacityBytes)
	}
	if d.InodesUsedPercent != nil && (*d.InodesUsedPercent <= 0 || *d.InodesUsedPercent > 100) {
		t.Errorf("%v%% of the inodes are in use", *d.InodesUsedPercent)
	}
	if *d.ImagesBytes <= 0 || *d.BuildCacheBytes <= 0 {
		t.Errorf("after a build, images take %d bytes and the build cache %d", *d.ImagesBytes, *d.BuildCacheBytes)
	}
}

// fieldsOf returns the names of a document's fields, without the options, of which it
// has those that differ from the defaults.
func fieldsOf(t *testing.T, document string) []string {
	t.Helper()
	var fields map[string]any
	must(t, json.Unmarshal([]byte(document), &fields))
	names := slices.Collect(maps.Keys(fields))
	for part, value := range fields {
		if inner, is := value.(map[string]any); is && part != "options" {
			for name := range inner {
				names = append(names, part+"."+name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// statusSays checks that status ends with exit code 3 and shows the cause that
// install ended with: the same reason, message and hint.
func (i *installation) statusSays(t *testing.T, f failure) {
	t.Helper()
	s := decode[status](t, dindctl(t, i.command("status", "-o", "json")...).want(t, notReady))
	for _, p := range s.Problems {
		if p.Reason == f.Reason && p.Hint == f.Hint && p.Message != "" && strings.HasSuffix(f.Message, p.Message) {
			return
		}
	}
	t.Errorf("status does not show the cause from install\ninstall: %+v\nstatus: %+v", f, s.Problems)
}

// eventuallyProblem waits until status reports a problem with this reason, a
// message that contains the words, and a hint.
func (i *installation) eventuallyProblem(t *testing.T, reason string, words ...string) {
	t.Helper()
	var s status
	which := func() int {
		for n, p := range s.Problems {
			if p.Reason == reason && !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(p.Message, word) }) {
				return n
			}
		}
		return -1
	}
	deadline := time.Now().Add(time.Minute)
	eventually(t, "status to name "+reason, func(context.Context) (bool, error) {
		c := prepare(t, nil, i.command("status", "-o", "json")...)
		_ = c.start(t).Wait() // the exit code is checked below
		s = status{}
		if c.ProcessState.ExitCode() == notReady {
			s = decode[status](t, result{args: c.Args[1:], stdout: c.stdout.String()})
		}
		return which() >= 0 || time.Now().After(deadline), nil
	})
	n := which()
	if n < 0 || s.Problems[n].Hint == "" {
		t.Errorf("problems: %+v; want %s, with %q and a hint", s.Problems, reason, words)
	}
}

// says reports whether one problem's message and hint have each of the words.
func (s status) says(words ...string) bool {
	for _, problem := range s.Problems {
		said := problem.Message + " " + problem.Hint
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(said, word) }) {
			return true
		}
	}
	return false
}
