package dind

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// With cgroup v2 the daemon puts builds in the pod's group, where that is needed and
// possible, and gives them a limit below the pod's.
func TestNestScript(t *testing.T) {
	const (
		own   = "/kubepods.slice/kubepods-pod1.slice/cri-containerd-1.scope"
		inCRI = own + "/container"
		gib   = "1073741824\n"
	)
	for _, test := range []struct {
		name, path     string
		version1, busy bool
		limits         map[string]string
		parent, limit  string
	}{
		{name: "version 1", path: own, version1: true},
		{name: "version 1, with a limit", path: own, version1: true, limits: map[string]string{"/memory": gib}, limit: "805306368"},
		{name: "a private namespace", path: "/"},
		{name: "a group outside the namespace", path: "/../other"},
		{name: "no limit", path: own, limits: map[string]string{own: "max\n"}, parent: own + "/docker"},
		{name: "a limit of 1 GiB", path: own, limits: map[string]string{own: gib}, parent: own + "/docker", limit: "805306368"},
		{name: "a limit of 10 GiB", path: own, limits: map[string]string{own: "10737418240\n"}, parent: own + "/docker", limit: "9663676416"},
		{name: "a limit of 100 MiB", path: own, limits: map[string]string{own: "104857600\n"}, parent: own + "/docker", limit: "52428800"},
		{name: "a limit one level higher", path: inCRI, limits: map[string]string{own: gib, inCRI: "max\n"}, parent: inCRI + "/docker", limit: "805306368"},
		{name: "a group that cannot be divided", path: own, busy: true},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.write("proc/self/cgroup", "0::"+test.path+"\n")
				group := "sys/fs/cgroup" + test.path + "/"
				if test.version1 {
					b.write("proc/self/cgroup", "12:memory:"+test.path+"\n0::"+test.path+"\n")
				} else {
					b.write("sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n")
				}
				if !strings.Contains(test.path, "..") {
					b.write(group+"cgroup.controllers", "cpu memory pids\n")
					b.write(group+"cgroup.procs", "12\n34\n")
				}
				for path, limit := range test.limits {
					if test.version1 {
						b.write("sys/fs/cgroup"+path+"/memory.limit_in_bytes", limit)
					} else {
						b.write("sys/fs/cgroup"+path+"/memory.max", limit)
					}
				}
				if test.busy {
					if err := os.MkdirAll(filepath.Join(b.root, group, "cgroup.subtree_control"), 0o755); err != nil {
						t.Fatal(err)
					}
				}
				b.write("run/dindctl/limits", "")
				b.write("etc/dindctl/nest.sh", b.move(scripts()["nest.sh"]))
				got := b.runText(shell, `. /etc/dindctl/nest.sh; echo "$cgroup_parent"`, nil)
				if parent := strings.TrimSpace(got.stdout); parent != test.parent || got.code != 0 {
					t.Errorf("parent %q, exit code %d, want %q: %s", parent, got.code, test.parent, got.stderr)
				}
				if said := strings.Contains(got.stderr, NotHeld); said != test.busy || !said && got.stderr != "" {
					t.Errorf("stderr %q", got.stderr)
				}
				if held := b.read("run/dindctl/limits") == "G|1\n"; held == test.busy {
					t.Errorf("it recorded %q", b.read("run/dindctl/limits"))
				}
				file := group + "docker/memory.max"
				if test.version1 {
					file = "sys/fs/cgroup/memory/docker/memory.limit_in_bytes"
				}
				if limit := strings.TrimSpace(b.read(file)); limit != test.limit {
					t.Errorf("the limit of builds is %q, want %q", limit, test.limit)
				}
				if test.parent == "" {
					return
				}
				for file, want := range map[string]string{"init/cgroup.procs": "34", "cgroup.subtree_control": "+cpu +memory +pids", "memory.oom.group": "0", "init/cpu.weight": "1000"} {
					if text := strings.TrimSpace(b.read(group + file)); text != want {
						t.Errorf("%s is %q, want %q", file, text, want)
					}
				}
			})
		}
	}
}
