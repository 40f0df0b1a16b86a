package dind

import (
	"slices"
	"strings"
	"testing"
)

// prune.sh removes what jobs leave behind by its age, and keeps what has a name or a label.
func TestPruneScriptRemovesLeftovers(t *testing.T) {
	const (
		old, fresh = "2026-11-01T00:00:00Z", "2026-11-21T10:00:00Z"
		lately     = "E|1795200000|" // less than a day ago
	)
	object := func(id, noted, created, ended, keep, name string) string {
		return strings.Join([]string{"L", id, noted, created, ended, keep, name}, "|") + "\n"
	}
	container := func(id, created, ended, keep string) string {
		return object(id, "", created, ended, keep, "/"+id)
	}
	builder := func(id, created, busy string) string {
		return object(id, "builder/buildx_buildkit_"+id, created, "", busy, "/buildx_buildkit_"+id)
	}
	volume := func(name, created, keep string) string {
		return object(name, "volume/"+name, created, "", keep, name)
	}
	for _, test := range []struct {
		name                                string
		stopped, running, builders, volumes string
		noted                               string
		env                                 []string
		wantCalls                           []string
	}{
		{name: "stopped containers, by when they stopped",
			stopped:   container("old", old, never, "") + container("ended", old, fresh, "") + container("kept", old, never, "keep") + container("new", fresh, never, ""),
			wantCalls: []string{"docker rm old"}},
		{name: "a stopped builder is a builder", stopped: object("b", "", old, old, "", "/buildx_buildkit_b")},
		{name: "running containers stay", running: container("old", old, "", "")},
		{name: "running containers above the maximum age", env: []string{"PRUNE_MAX_CONTAINER_AGE=24h"},
			running:   container("old", old, "", "") + container("new", fresh, "", "") + container("kept", old, "", "keep") + object("b", "", old, "", "", "/buildx_buildkit_b"),
			wantCalls: []string{"docker rm -f -v old"}},
		{name: "builders with their state",
			builders:  builder("old", old, "") + builder("busy", old, "busy") + builder("used", old, "") + builder("new", fresh, ""),
			noted:     lately + "builder/buildx_buildkit_used\n",
			wantCalls: []string{"docker rm -f -v old", "docker volume rm buildx_buildkit_old_state"}},
		{name: "anonymous volumes, and the state of builders that are gone",
			volumes: volume("old", old, "") + volume("named", old, "named") + volume("used", old, "") + volume("new", fresh, "") +
				volume("buildx_buildkit_b_state", old, "named") + volume("buildx_buildkit_used_state", old, "named") + volume("buildx_buildkit_x", old, "named"),
			noted:     lately + "volume/used\n" + lately + "builder/buildx_buildkit_used\n",
			wantCalls: []string{"docker volume rm buildx_buildkit_b_state", "docker volume rm old"}},
		{name: "everything unused", env: []string{"PRUNE_UNUSED_FOR=0"},
			stopped: container("new", fresh, fresh, ""), running: container("runs", old, "", ""), builders: builder("b", fresh, ""), volumes: volume("v", fresh, "") + volume("named", old, "named"),
			wantCalls: []string{"docker rm new", "docker rm -f -v b", "docker volume rm buildx_buildkit_b_state", "docker volume rm v"}},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.stub("docker", dockerStub)
				for file, text := range map[string]string{
					"images": "", "stopped": test.stopped, "running": test.running, "builders": test.builders, "volumes": test.volumes, "noted": test.noted,
				} {
					b.write(file, text)
				}
				got := b.runFile(shell, "prune.sh", append([]string{"BOX=" + b.root, "PRUNE_UNUSED_FOR=168h"}, test.env...))
				calls := slices.DeleteFunc(got.calls, func(call string) bool {
					return inspects(call) || strings.Contains(call, " prune ") || strings.Contains(call, "docker version")
				})
				if got.code != 0 || !slices.Equal(calls, test.wantCalls) {
					t.Errorf("exit code %d, calls:\n%s\nwant:\n%s\n%s%s", got.code, strings.Join(calls, "\n"), strings.Join(test.wantCalls, "\n"), got.stdout, got.stderr)
				}
			})
		}
	}
}

// Above the threshold guard.sh removes what jobs left behind before it removes images, and
// once a day what runs for too long.
func TestGuardRemovesLeftovers(t *testing.T) {
	const old, fresh = "2026-11-01T00:00:00Z", "2026-11-21T10:30:00Z"
	object := func(id, kind, created, name string) string {
		return strings.Join([]string{"L", id, kind + name, created, "", "", name}, "|") + "\n"
	}
	for _, test := range []struct {
		name      string
		disk      string
		env       []string
		wantCalls []string
	}{
		{"a stopped container is enough", disk(85, 80), nil, []string{"docker rm s-old"}},
		{"volumes, then builders", disk(90, 88, 86, 80), nil,
			[]string{"docker rm s-old", "docker volume rm v-old", "docker rm -f -v b-old", "docker volume rm buildx_buildkit_old_state"}},
		{"containers that run for too long", disk(50), []string{"DINDCTL_MAX_CONTAINER_AGE=24h"}, []string{"docker rm -f -v r-old"}},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				guardStubs(b)
				b.write("disk", test.disk)
				b.write("images", image("old", old, never, "old:1,", "o,"))
				b.write("stopped", object("s-old", "", old, "/s-old")+object("s-new", "", fresh, "/s-new"))
				b.write("running", object("r-old", "", old, "/r-old")+object("r-new", "", fresh, "/r-new"))
				b.write("volumes", object("v-old", "volume/", old, "v-old")+object("v-new", "volume/", fresh, "v-new"))
				b.write("builders", object("b-old", "builder", old, "/buildx_buildkit_old")+object("b-new", "builder", fresh, "/buildx_buildkit_new"))
				b.write("proc/1/stat", "")
				got := b.runFile(shell, "guard.sh", append(test.env, "BOX="+b.root, "DINDCTL_GUARD_INTERVAL=0"), "85", "1")
				calls := slices.DeleteFunc(got.calls, func(call string) bool {
					return inspects(call) || strings.Contains(call, " prune ") || strings.Contains(call, "docker events")
				})
				if !slices.Equal(calls, test.wantCalls) {
					t.Errorf("calls:\n%s\nwant:\n%s\n%s%s", strings.Join(calls, "\n"), strings.Join(test.wantCalls, "\n"), got.stdout, got.stderr)
				}
			})
		}
	}
}
