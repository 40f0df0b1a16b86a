package cli

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/lifecycle"
)

const cached = "outcome=cached\nengine=29.7.2\nsteps=2\ncold=245\ncold-cached=0\nwarm=70\nwarm-cached=2\n\n"

var verifyJob = regexp.MustCompile(`docker-dind-verify-[0-9a-z]+`)

func TestVerify(t *testing.T) {
	result := func(message string) func(*world) {
		return func(w *world) { w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, message) }
	}
	for _, test := range []struct {
		name, args     string
		before         func(*world)
		code           int
		stdout, stderr string
	}{
		{"cached", "verify -q", result(cached), 0,
			"BUILD    TIME   CACHED\nfirst    2.5s   0 of 2 steps\nsecond   0.7s   2 of 2 steps\n" +
				"A job in namespace ci reaches tcp://docker-dind.ci.svc:2375, and its second build is served from the cache (3.5 times as fast).\n", ""},
		{"connection refused", "verify -q", result("outcome=refused\n\nCannot connect to the Docker daemon"), 3, "",
			"error: a job in namespace ci is refused at tcp://docker-dind.ci.svc:2375 although the daemon's pod is ready\n  | Cannot connect to the Docker daemon\n" +
				"next: the Service routes elsewhere, or a policy rejects the job: `dindctl install` repairs the Service, `kubectl get networkpolicy -n ci` and `-n ci` list the policies\n"},
		{"the job fails", "verify -q", func(w *world) { w.RunJobs(batchv1.JobFailed, corev1.PodFailed, "") }, 3, "",
			"error: verification from namespace ci failed: job/JOB failed: BackoffLimitExceeded: it failed too often\n  | fake logs\nnext: add -v to see the whole log of the Job\n"},
		{"invalid namespace", "verify --from Other", nil, 2, "",
			"error: invalid command line\n  --from \"Other\": is not a valid namespace name\n    Use at most 63 lowercase letters, digits and dashes.\nnext: `dindctl verify --help` lists the options\n"},
		{"install --verify job", "install -q --skip-preflight --verify job", result(cached), 0,
			"variables:\n  DOCKER_HOST: tcp://docker-dind.ci.svc:2375\n  DOCKER_TLS_CERTDIR: \"\"\n", ""},
		{"install --verify job fails", "install -q --skip-preflight --verify job", result("outcome=failed\n\nERROR"), 3, "",
			"error: a job in namespace ci reaches the daemon, but its build fails\n  | ERROR\nnext: kubectl logs -n ci deployment/docker-dind\n"},
		{"install --verify with an unknown method", "install --verify twice", nil, 2, "",
			"error: invalid command line\n  --verify \"twice\": must be \"daemon\" or \"job\"\nnext: `dindctl install --help` lists the options\n"},
		{"install --verify with --no-wait", "install --no-wait --verify job", nil, 2, "",
			"error: invalid command line\n  --verify \"job\": has no effect with --no-wait\n    Omit one of them.\nnext: `dindctl install --help` lists the options\n"},
	} {
		synctestRun(t, test.name, func(t *testing.T) {
			w := installedWorld(t)
			if test.before != nil {
				test.before(w)
			}
			code, stdout, stderr := w.run(t, strings.Fields(test.args)...)
			stderr = verifyJob.ReplaceAllString(stderr, "JOB")
			if code != test.code || stdout != test.stdout || stderr != test.stderr {
				t.Errorf("got  %d, %q, %q\nwant %d, %q, %q", code, stdout, stderr, test.code, test.stdout, test.stderr)
			}
		})
	}
}

func TestVerifyAsDocument(t *testing.T) {
	synctestRun(t, "json", func(t *testing.T) {
		w := installedWorld(t)
		w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, cached)
		code, stdout, _ := w.run(t, "verify", "-o", "json")
		var got map[string]any
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 {
			t.Fatalf("%d, %v:\n%s", code, err, stdout)
		}
		for _, field := range []string{"namespace", "from", "job", "dockerHost", "reached", "expected", "cold", "warm", "steps", "cached", "durationSeconds"} {
			if _, there := got[field]; !there {
				t.Errorf("no %s in\n%s", field, stdout)
			}
		}
		if got["cached"] != true || got["cold"].(map[string]any)["seconds"] != 2.45 {
			t.Errorf("got\n%s", stdout)
		}
	})
}

func TestVerificationFromOtherNamespace(t *testing.T) {
	var out strings.Builder
	w := newWorld(t)
	v := lifecycle.Verification{Namespace: "ci", From: "other", DockerHost: "tcp://docker-dind.ci.svc:2375"}
	if err := writeVerification(&out, w.streams.OutStyle(), v); err != nil {
		t.Fatal(err)
	}
	const want = "A job in namespace other cannot reach tcp://docker-dind.ci.svc:2375: the NetworkPolicy is enforced.\nA job in namespace ci can, and its builds are cached.\n"
	if out.String() != want {
		t.Errorf("got %q", out.String())
	}
}
