package main

import (
	"strings"
	"testing"
	"time"
)

func TestFirstAnswer(t *testing.T) {
	const log = `dindctl: MTU 1450
time="2026-11-21T12:00:00.5Z" level=info msg="API listen on /var/run/docker.sock"
time="2026-11-21T12:00:01.250Z" level=info msg="API listen on [::]:2375"
time="2026-11-21T12:00:09Z" level=info msg="API listen on [::]:2375"
`
	at, found := firstAnswer(strings.NewReader(log))
	if want := time.Date(2026, 11, 21, 12, 0, 1, 250_000_000, time.UTC); !found || !at.Equal(want) {
		t.Errorf("got %v, %v", at, found)
	}
	if _, found := firstAnswer(strings.NewReader("nothing\n")); found {
		t.Error("found an answer in a log without one")
	}
}

func TestPodStart(t *testing.T) {
	for _, test := range []struct {
		verb, uri string
		want      bool
	}{
		{"patch", "/apis/apps/v1/namespaces/ci/deployments/docker-dind?fieldManager=dindctl&force=true", true},
		{"create", "/apis/apps/v1/namespaces/ci/deployments?fieldManager=helm", true},
		{"create", "/apis/apps/v1/namespaces/ci/deployments", true},
		{"get", "/apis/apps/v1/namespaces/ci/deployments/docker-dind", false},
		{"patch", "/apis/apps/v1/namespaces/ci/deployments/docker-dind/status", false},
		{"create", "/apis/apps/v1/namespaces/ci/replicasets", false},
	} {
		v := sample{answered: noon.Add(3 * time.Second), requests: []request{{}, {verb: test.verb, uri: test.uri, answered: noon}}}
		if got := v.podStart(); (got != nil) != test.want || got != nil && *got != 3 {
			t.Errorf("%s %s: %v", test.verb, test.uri, got)
		}
	}
	if got := (sample{requests: []request{{verb: "create", uri: "/apis/apps/v1/namespaces/ci/deployments", answered: noon}}}).podStart(); got != nil {
		t.Errorf("without an answer: %v", *got)
	}
}
