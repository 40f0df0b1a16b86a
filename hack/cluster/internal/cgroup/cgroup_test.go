package cgroup

import "testing"

func TestParse(t *testing.T) {
	cases := map[string]struct {
		mounts  []string
		unified bool
		count   int
		fails   bool
	}{
		"version 2": {[]string{"cgroup2 /sys/fs/cgroup cgroup2 rw 0 0"}, true, 1, false},
		"version 1": {[]string{
			"tmpfs /sys/fs/cgroup tmpfs rw 0 0",
			"cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0",
			"cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0",
		}, false, 2, false},
		"hybrid": {[]string{
			"cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0",
			"cgroup /sys/fs/cgroup/unified cgroup2 rw 0 0",
		}, false, 2, false},
		"none": {[]string{"proc /proc proc rw 0 0"}, false, 0, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			layout, err := parse(c.mounts)
			if layout.Unified != c.unified || len(layout.Hierarchies) != c.count || (err != nil) != c.fails {
				t.Errorf("got %+v, %v", layout, err)
			}
		})
	}
}
