package dind

import (
	"strings"
	"testing"
)

// The script chooses the replica that Ranking names first, and the next one while that takes
// no new jobs. It leaves another daemon alone, and never fails.
func TestJobReplicasScript(t *testing.T) {
	o := Options{Namespace: "ci", Name: "d", Replicas: "3", PublishPorts: "20000-20999"}
	script := AccessTo(o).Script
	ranking := Ranking("d", "4711", 3)
	building := func(name, then string) string { return "dindctl: this project builds on " + name + then + "\n" }
	host := func(name string) string { return "tcp://" + name + ".ci.svc:2375" }
	const told = "dindctl: no Docker daemon takes new jobs at the moment; waiting for at most 5 minutes\n"
	for _, test := range []struct {
		name string
		env  []string
		away string // the names that do not answer, or do not resolve
		want string // DOCKER_HOST in the end
		says string
	}{
		{"home", nil, "", host(ranking[0]), building(ranking[0], "")},
		{"home drains", nil, ranking[0] + "." + ranking[0] + "-pods", host(ranking[1]), building(ranking[1], ", because "+ranking[0]+" takes no new jobs at the moment")},
		{"home is gone", nil, "hang:" + ranking[0] + ".ci", host(ranking[1]), building(ranking[1], ", because "+ranking[0]+" takes no new jobs at the moment")},
		{"a pin", []string{"DINDCTL_REPLICA=" + ranking[2]}, "", host(ranking[2]), building(ranking[2], "")},
		{"a pin by its number", []string{"DINDCTL_REPLICA=" + strings.TrimPrefix("0"+strings.TrimPrefix(ranking[1], "d"), "0-")}, "", host(ranking[1]), building(ranking[1], "")},
		{"a pin that does not exist", []string{"DINDCTL_REPLICA=9"}, "", host(ranking[0]), "dindctl: there is no replica d-9\n" + building(ranking[0], "")},
		{"a key", []string{"DINDCTL_KEY=a/b"}, "", host(Ranking("d", "a/b", 3)[0]), building(Ranking("d", "a/b", 3)[0], "")},
		{"another daemon", []string{"DOCKER_HOST=tcp://docker:2375"}, "", "tcp://docker:2375", ""},
		{"a pin that comes back", []string{"DINDCTL_REPLICA=" + ranking[1], "BACK=1"}, "-pods", host(ranking[1]), told + building(ranking[1], "")},
		{"another host of ports", []string{"TESTCONTAINERS_HOST_OVERRIDE=localhost"}, "", host(ranking[0]), building(ranking[0], "")},
		{"none answers", nil, "-pods", host("d"), told + "dindctl: no Docker daemon has taken new jobs for 5 minutes; continuing without waiting\n"},
	} {
		for name, shell := range jobShells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.write("away", test.away)
				b.stub("docker", `host=${2#tcp://}
away=$(cat "$BOX/away")
case $host in d.*|d-1.*|d-2.*) ;; *) echo "error during connect: lookup ${host%:*} on 10.96.0.10:53: no such host" >&2; exit 1 ;; esac
case $host in
*"${away#hang:}"*) [ -z "$away" ] || case $away in hang:*) exit 124 ;; *) echo "lookup: no such host" >&2; exit 1 ;; esac ;;
esac`)
				b.write("clock", "1000")
				b.write("bin/date", "#!/bin/sh\n[ -z \"${BACK:-}\" ] || [ ! -e \"$BOX/late\" ] || : >\"$BOX/away\"\n: >\"$BOX/late\"\nread -r now <\"$BOX/clock\"; echo $((now + 200)) >\"$BOX/clock\"; echo \"$now\"\n")
				env := append([]string{"BOX=" + b.root, "DOCKER_HOST=" + host("d"), "CI_PROJECT_ID=4711", "TESTCONTAINERS_HOST_OVERRIDE=d.d-pods.ci.svc", "GITHUB_ENV=" + b.root + "/github"}, test.env...)
				got := b.run(shell, env, "-c", jobOptions+b.move(script)+"\necho \"$DOCKER_HOST\"")
				if got.code != 0 || got.stdout != test.want+"\n" || got.stderr != test.says {
					t.Errorf("got %+v", got)
				}
				chosen := strings.Contains(test.says, "builds on")
				name, _, _ := strings.Cut(strings.TrimPrefix(test.want, "tcp://"), ".")
				ports := name + "." + name + "-pods.ci.svc"
				if test.name == "another host of ports" {
					ports = "localhost"
				}
				if github := b.read("github"); strings.Contains(github, "DOCKER_HOST="+test.want) != chosen || strings.Contains(github, "TESTCONTAINERS_HOST_OVERRIDE="+ports) != chosen {
					t.Errorf("GITHUB_ENV has %q", github)
				}
			})
		}
	}
	if all := strings.Join(replicaNames("d"), " "); !strings.Contains(script, all) {
		t.Errorf("the script does not rank %s", all)
	}
	if more := (Options{Namespace: "ci", Name: "d", Replicas: "8", PublishPorts: "20000-20999"}); AccessTo(more).Script != script {
		t.Error("the script depends on the number of replicas")
	}
}
