//go:build e2e

package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// replica returns a replica as an installation: only install treats it differently. Its jobs
// build on it.
func (i *installation) replica(name string) *installation {
	replica := *i
	replica.name = name
	replica.variables = map[string]string{"DOCKER_HOST": "tcp://" + name + "." + i.namespace + ".svc:2375", "DOCKER_TLS_CERTDIR": ""}
	return &replica
}

// chooses returns the beginning of a job of the project with this key: the script that
// chooses the replica.
func (i *installation) chooses(t *testing.T, key string) string {
	t.Helper()
	return succeed(t, i.command("env", "--format", "shell")...).stdout + "export DINDCTL_KEY=" + key + "\ndindctl_wait\n"
}

// where returns the replica that builds the project with this key, and those after it.
func (i *installation) where(t *testing.T, key string) []string {
	t.Helper()
	place := decode[struct {
		Replica string   `json:"replica"`
		Then    []string `json:"then"`
	}](t, succeed(t, i.command("where", key, "-o", "json")...))
	return append([]string{place.Replica}, place.Then...)
}

// built is where a project was built, and whether its build came from the cache.
type built struct {
	on     string
	cached bool
}

var builtLine = regexp.MustCompile(`(?m)^key (\S+) tcp://([^.]+)\.\S+ (cached|built)$`)

// round builds a small image for each of the projects, and returns where, by key.
func (i *installation) round(t *testing.T, projects int) map[string]built {
	t.Helper()
	log := runPod(t, i.namespace, jobPod(i.image, nil, i.chooses(t, "none")+strings.NewReplacer("PROJECTS", fmt.Sprint(projects), "BASE", baseImage).Replace(`
first=tcp://docker-dind.`+i.namespace+`.svc:2375
for key in $(seq 1 PROJECTS); do
	DOCKER_HOST=$first
	DINDCTL_KEY=$key
	dindctl_wait 2>/dev/null
	printf 'FROM BASE\nRUN echo %s is built $(echo now)\n' "$key" | docker build --progress=plain - >/tmp/log 2>&1 || cat /tmp/log
	how=cached
	if grep -q 'is built now' /tmp/log; then how=built; fi
	echo "key $key $DOCKER_HOST $how"
done`))).want(t).log
	homes := map[string]built{}
	for _, match := range builtLine.FindAllStringSubmatch(log, -1) {
		homes[match[1]] = built{on: match[2], cached: match[3] == "cached"}
	}
	if len(homes) != projects {
		t.Fatalf("%d of %d projects were built:\n%s", len(homes), projects, log)
	}
	return homes
}

// checkRound checks that a project is built where it was before, from the cache, or on the
// new replica, and that this is not more than its share. With new "" none moves.
func checkRound(t *testing.T, what string, before, after map[string]built, new string, replicas int) {
	t.Helper()
	moved := 0
	for key, now := range after {
		switch {
		case now.on == before[key].on && !now.cached:
			t.Errorf("%s: project %s is built again on %s", what, key, now.on)
		case now.on != before[key].on && now.on != new:
			t.Errorf("%s: project %s moved from %s to %s", what, key, before[key].on, now.on)
		case now.on != before[key].on:
			moved++
		}
	}
	t.Logf("%s: %d of %d projects moved", what, moved, len(after))
	if share := float64(moved) / float64(len(after)); new != "" && (moved == 0 || share > 1/float64(replicas)+0.05) {
		t.Errorf("%s: %.0f%% of the projects moved", what, 100*share)
	}
}
