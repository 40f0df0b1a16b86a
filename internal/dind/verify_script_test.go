package dind

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// verifyBox returns a box in which each call of docker version takes ten seconds.
// version, first and second are the stubs of docker version and of the two builds.
func verifyBox(t *testing.T, version, first, second string) box {
	b := newBox(t)
	b.write("proc/uptime", "100.50 7.0\n")
	b.write("tmp/records", "old\n")
	b.stub("getent", "")
	b.stub("docker", `
root=`+b.root+`
case "$*" in
version*)
    read -r up _ <$root/proc/uptime
    echo "$((${up%.*} + 10)).50 7.0" >$root/proc/uptime
    : ; `+version+` ;;
build\ *)
    if [ -e $root/tmp/built ]; then
        : ; `+second+`
    else
        : >$root/tmp/built
        printf 'old\nsource\nours\nbase\n' >$root/tmp/records
        : ; `+first+`
    fi ;;
*du*source.local*) for id in $(cat $root/tmp/records); do case $id in old | source) echo "ID:		$id" ;; esac; done ;;
*du*) for id in $(cat $root/tmp/records); do printf 'ID:\t%s\nDescription:\t' $id; case $id in old | source) echo local source ;; *) echo '[1/2] COPY t0 /' ;; esac; done ;;
*prune*) id=${5#id=}; [ $id = base ] && grep -q ours $root/tmp/records || { grep -v "^$id" $root/tmp/records >$root/tmp/left; mv $root/tmp/left $root/tmp/records; } ;;
esac`)
	return b
}

func TestVerifyScript(t *testing.T) {
	const (
		answers  = "echo amd64 amd64 29.7.2"
		refuses  = "echo 'Cannot connect to the Docker daemon at tcp://d.ci.svc:2375. Is the docker daemon running?'; exit 1"
		cold     = `printf '#4 [1/2] COPY t0 /\n#4 DONE 0.1s\n#5 [2/2] RUN x\n#5 DONE 0.2s\n'`
		warm     = `printf '#4 [1/2] COPY t0 /\n#4 CACHED\n#5 [2/2] RUN x\n#5 CACHED\n'`
		legacy   = `printf 'Step 2/3 : COPY t0 /\n ---> Using cache\nStep 3/3 : RUN x\n ---> Using cache\n'`
		half     = `printf '#4 [1/2] COPY t0 /\n#4 CACHED\n#5 [2/2] RUN x\n#5 DONE 0.2s\n'`
		broken   = `echo 'failed to mount /tmp: permission denied'; exit 1`
		measured = "engine=29.7.2\nsteps=2\ncold=0\ncold-cached=0\nwarm=0\nwarm-cached="
	)
	for _, test := range []struct {
		name, expect           string
		version, first, second string
		message                string // prefix of the termination message
		attempts, builds       int
	}{
		{"cached", "reached", answers, cold, warm, "outcome=cached\n" + measured + "2\n\n", 1, 2},
		{"cached, legacy builder", "reached", answers, cold, legacy, "outcome=cached\n" + measured + "2\n\n", 1, 2},
		{"not cached", "reached", answers, cold, half, "outcome=uncached\n" + measured + "1\n\n#4 [1/2] COPY t0 /\n", 1, 2},
		{"another platform", "reached", "echo amd64 arm64 29.7.2", cold, warm, "outcome=cached\n" + measured + "2\n\n", 1, 2},
		{"the build fails", "reached", answers, broken, "", "outcome=failed\nengine=29.7.2\nsteps=2\n\nfailed to mount", 1, 1},
		{"refused", "reached", refuses, "", "", "outcome=refused\n\nCannot connect", 2, 0},
		{"silent", "reached", "exit 124", "", "", "outcome=silent\n\nno response from tcp://d.ci.svc:2375 within 5 s\n", 2, 0},
		{"unresolved", "reached", "echo 'lookup d.ci.svc on 10.96.0.10:53: no such host'; exit 1", "", "", "outcome=unresolved\n\nlookup", 2, 0},
		{"not a Docker daemon", "reached", "echo 'request returned 404 Not Found'; exit 1", "", "", "outcome=unusable\n\nrequest returned", 2, 0},
		{"refused, as expected", "refused", refuses, "", "", "outcome=refused\n\n", 1, 0},
		{"not refused", "refused", answers, "", "", "outcome=reached\nengine=29.7.2\n\n", 1, 0},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := verifyBox(t, test.version, test.first, test.second)
				got := b.runText(shell, verifyScript, []string{"DOCKER_HOST=tcp://d.ci.svc:2375", "VERIFY_TOKEN=t0", "VERIFY_EXPECT=" + test.expect})
				message := b.read("dev/termination-log")
				if got.code != 0 || !strings.HasPrefix(message, test.message) || !strings.Contains(got.stdout, message) {
					t.Errorf("got %d, message %q, want %q\n%s%s", got.code, message, test.message, got.stdout, got.stderr)
				}
				if result, err := ParseVerifyResult(message); err != nil {
					t.Errorf("ParseVerifyResult: %v", err)
				} else if result.Outcome.Reached() != (test.builds > 0 || test.name == "not a Docker daemon" || test.expect == "refused" && test.version == answers) {
					t.Errorf("reached: %v", result.Outcome.Reached())
				}
				attempts, builds := count(got.calls, "docker version"), count(got.calls, "docker build ")
				if attempts != test.attempts || builds != test.builds {
					t.Errorf("%d attempts and %d builds, want %d and %d", attempts, builds, test.attempts, test.builds)
				}
				checkRemoved(t, b, got, builds > 0)
			})
		}
	}
}

// With several replicas, the jobs of a project must choose the one that is verified.
func TestVerifyScriptOfReplicas(t *testing.T) {
	for _, test := range []struct{ name, script, message string }{
		{"at home", "export DOCKER_HOST=tcp://d.ci.svc:2375", "outcome=cached\n"},
		{"elsewhere", "export DOCKER_HOST=tcp://d-1.ci.svc:2375; echo builds on d-1 >&2", "outcome=misrouted\nengine=29.7.2\n\nbuilds on d-1\nit chose tcp://d-1.ci.svc:2375\n"},
		{"a script that fails", "exit 3", "outcome=misrouted\nengine=29.7.2\n\nit chose \n"},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := verifyBox(t, "echo amd64 amd64 29.7.2", "echo built", `printf '#4 CACHED\n#5 CACHED\n'`)
				got := b.runText(shell, verifyScript, []string{
					"DOCKER_HOST=tcp://d.ci.svc:2375", "VERIFY_TOKEN=t0", "VERIFY_SCRIPT=" + test.script, "VERIFY_KEY=3", "VERIFY_FIRST=tcp://first.ci.svc:2375"})
				if message := b.read("dev/termination-log"); got.code != 0 || !strings.HasPrefix(message, test.message) {
					t.Errorf("got %+v, message %q", got, message)
				}
				if builds := count(got.calls, "docker build "); builds > 0 != (test.name == "at home") {
					t.Errorf("%d builds", builds)
				}
			})
		}
	}
}

// checkRemoved checks that the script removed what it built and nothing else.
func checkRemoved(t *testing.T, b box, got outcome, built bool) {
	t.Helper()
	if diff := cmp.Diff("old\n", b.read("tmp/records")); diff != "" {
		t.Errorf("records: %s", diff)
	}
	if removed := count(got.calls, "docker image rm -f dindctl-verify:t0") == 1; removed != built {
		t.Errorf("the image was removed: %v", removed)
	}
}

func count(lines []string, prefix string) (n int) {
	for _, line := range lines {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

func TestVerifyScriptNameUnresolved(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			b := verifyBox(t, "", "", "")
			// docker version does not run, so advance the time here.
			b.stub("getent", `read -r up _ <`+b.root+`/proc/uptime; echo "$((${up%.*} + 10)).50 7.0" >`+b.root+`/proc/uptime; exit 2`)
			got := b.runText(shell, verifyScript, []string{"DOCKER_HOST=tcp://d.ci.svc:2375", "VERIFY_TOKEN=t0"})
			if message := b.read("dev/termination-log"); message != "outcome=unresolved\n\nthe name d.ci.svc does not resolve\n" {
				t.Errorf("got %d, %q\n%s", got.code, message, got.stderr)
			}
		})
	}
}

// After a signal during a build, the script stops the build and removes what it built.
func TestVerifyScriptStops(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			b := verifyBox(t, "echo amd64 amd64 29.7.2", "", "")
			b.write("bin/docker", strings.Replace(b.read("bin/docker"), "/tmp/records\n", "/tmp/records; kill -TERM $PPID\n", 1))
			got := b.runText(shell, verifyScript, []string{"DOCKER_HOST=tcp://d.ci.svc:2375", "VERIFY_TOKEN=t0"})
			if got.code != 143 || b.read("dev/termination-log") != "" {
				t.Errorf("got %d, %q\n%s", got.code, b.read("dev/termination-log"), got.stderr)
			}
			if count(got.calls, "docker build ") != 1 {
				t.Errorf("calls %q", got.calls)
			}
			checkRemoved(t, b, got, true)
		})
	}
}

func TestVerifyScriptNeedsAToken(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			got := newBox(t).runText(shell, verifyScript, nil)
			if got.code != 1 || !strings.Contains(got.stderr, "VERIFY_TOKEN is not set") {
				t.Errorf("got %d, %q", got.code, got.stderr)
			}
		})
	}
}
