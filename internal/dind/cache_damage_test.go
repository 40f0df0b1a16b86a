package dind

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFindCacheDamage(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 5e8, time.UTC)
	const stack = `panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x40 pc=0x2a]

goroutine 1842 [running]:
github.com/moby/buildkit/cache.(*cacheManager).DiskUsage(0xc000a3e000, {0x2b1d1e8, 0xc000f3a2d0})
	/go/src/github.com/docker/docker/vendor/github.com/moby/buildkit/cache/manager.go:1390 +0x8a5
`
	for _, test := range []struct {
		name, text string
		want       *CacheDamage
	}{
		{"nothing", "", nil},
		{"a build that fails", "ERROR: failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 2\n", nil},
		{"a build's output", "#5 ERROR: failed to prepare extraction snapshot \"x\": parent snapshot sha256:ab12 does not exist: not found\n",
			&CacheDamage{Sign: "snapshot sha256:ab12 does not exist"}},
		{"a graph driver", "failed to solve: failed to get layer sha256:ab12: layer does not exist\n", &CacheDamage{Sign: "failed to get layer sha256:ab12: layer does not exist"}},
		{"the daemon's log", "2026-11-21T11:00:00.5Z level=info msg=start\n" +
			"2026-11-21T12:00:00.5Z level=error msg=\"/moby.buildkit.v1.Control/Solve returned error: rpc error: code = NotFound desc = failed to get layer sha256:ab12\" spanID=1\n" +
			"2026-11-21T12:30:00.5Z level=info msg=\"image pulled\"\n",
			&CacheDamage{Sign: "failed to get layer sha256:ab12", Time: noon}},
		{"the last of two", "snapshot a does not exist\nsnapshot b does not exist\n", &CacheDamage{Sign: "snapshot b does not exist"}},
		{"a panic", stack, &CacheDamage{Panic: true}},
		{"a stack without a panic", stack[len("panic: "):], nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, FindCacheDamage(test.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
