//go:build e2e

package e2e

import (
	"regexp"
	"strings"
	"testing"
)

// ran is the result of a CI job.
type ran struct {
	log  string
	code int
}

// job runs a script like GitLab's Kubernetes executor: in its own pod without
// privileges, where only the Docker client and the printed variables lead to a
// daemon.
func job(t *testing.T, namespace, image string, variables map[string]string, script string) ran {
	t.Helper()
	r := runPod(t, namespace, jobPod(image, variables, awaitService+script))
	r.log = waited.ReplaceAllString(r.log, "")
	return r
}

// awaitService waits until the job's node routes the Service to the pod, which
// may take a moment. The test's log shows whether it had to wait; the result has
// only what the script printed.
const awaitService = `tries=0
until docker version >/dev/null 2>&1; do
	tries=$((tries + 1))
	if [ $tries -ge 100 ]; then docker version; exit 1; fi
	sleep 0.1
done
if [ $tries -gt 0 ]; then echo "the Service led nowhere: $tries tries"; fi
`

var waited = regexp.MustCompile(`(?m)^the Service led nowhere: .*\n`)

// want stops the test unless the job ended with code 0 and its log contains
// each of the texts.
func (r ran) want(t *testing.T, texts ...string) ran {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("the job ended with %d:\n%s", r.code, r.log)
	}
	for _, text := range texts {
		if !strings.Contains(r.log, text) {
			t.Fatalf("the job's log does not say %q:\n%s", text, r.log)
		}
	}
	return r
}

// build returns a script that builds an image of five steps. The job creates a
// new context, as a checkout does. Builds of the same name share every step.
func build(name string) string {
	return strings.NewReplacer("NAME", name, "BASE", baseImage).Replace(`
mkdir -p /tmp/context && cd /tmp/context
echo "source of NAME" >source
cat >Dockerfile <<'END'
FROM BASE
RUN echo NAME one >/one && sleep 1
COPY source /source
RUN cat /one /source >/two
RUN echo NAME three >/three
END
docker build --progress=plain -t NAME . 2>&1`)
}

// These match lines of --progress=plain: "#7 [2/5] RUN echo one" and "#7
// CACHED".
var (
	stepLine   = regexp.MustCompile(`(?m)^#(\d+) \[\S*\s*(\d)/5\] `)
	cachedLine = regexp.MustCompile(`(?m)^#(\d+) CACHED`)
)

// cachedSteps returns the steps after FROM, and those of them that the build
// log reports as cached.
func cachedSteps(t *testing.T, log string) (steps, cached []string) {
	t.Helper()
	isCached := map[string]bool{}
	for _, match := range cachedLine.FindAllStringSubmatch(log, -1) {
		isCached[match[1]] = true
	}
	seen := map[string]bool{}
	for _, match := range stepLine.FindAllStringSubmatch(log, -1) {
		vertex, step := match[1], match[2]
		if step == "1" || seen[step] {
			continue
		}
		seen[step] = true
		steps = append(steps, step)
		if isCached[vertex] {
			cached = append(cached, step)
		}
	}
	if len(steps) != 4 {
		t.Fatalf("the log is not from a build of five steps:\n%s", log)
	}
	return steps, cached
}

// buildsCold runs the build in a job and checks that no step is cached.
func (i *installation) buildsCold(t *testing.T, name string) {
	t.Helper()
	_, cached := cachedSteps(t, i.job(t, build(name)).want(t).log)
	if len(cached) > 0 {
		t.Fatalf("steps %v of the first build of %s are cached", cached, name)
	}
}

// buildsCached runs the build in a job and checks that all steps are cached.
func (i *installation) buildsCached(t *testing.T, name, when string) {
	t.Helper()
	steps, cached := cachedSteps(t, i.job(t, build(name)).want(t).log)
	if len(cached) != len(steps) {
		t.Fatalf("%s: only steps %v of %v of %q come from the cache", when, cached, steps, name)
	}
}
