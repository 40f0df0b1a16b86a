package apply

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A canary is in each place of an object that can hold a secret, added, changed and
// removed: the change is shown, the canary is not.
func TestNoSecretsInChanges(t *testing.T) {
	places := map[string]string{
		"a variable":                    `{"spec":{"containers":[{"name":"d","env":[{"name":"PROXY","value":"%s"}]}]}}`,
		"a flag":                        `{"spec":{"containers":[{"name":"d","args":["--log-opt=splunk-token=%s","--debug"]}]}}`,
		"a flag and its value":          `{"spec":{"containers":[{"name":"d","args":["--http-proxy","%s"]}]}}`,
		"a command":                     `{"spec":{"containers":[{"name":"d","command":["sh","-c","login %s"]}]}}`,
		"a probe":                       `{"spec":{"containers":[{"name":"d","startupProbe":{"exec":{"command":["sh","-c","%s"]}}}]}}`,
		"a header":                      `{"spec":{"containers":[{"name":"d","livenessProbe":{"httpGet":{"httpHeaders":[{"name":"Authorization","value":"%s"}]}}}]}}`,
		"daemon.json":                   `{"data":{"daemon.json":"{\"http-proxy\": \"%s\"}"}}`,
		"a Secret":                      `{"data":{"password":"%s"}}`,
		"a Secret as a string":          `{"stringData":{"password":"%s"}}`,
		"binary data":                   `{"binaryData":{"x":"%s"}}`,
		"a foreign annotation":          `{"metadata":{"annotations":{"vendor/token":"%s"}}}`,
		"a template's":                  `{"spec":{"template":{"metadata":{"annotations":{"vendor/token":"%s"}}}}}`,
		"an address":                    `{"spec":{"whatever":"https://jane:%s@proxy"}}`,
		"an added sidecar":              `{"spec":{"containers":[{"name":"s","args":["%[1]s"],"env":[{"name":"A","value":"%[1]s"}],"command":["%[1]s"]}]}}`,
		"a variable after an empty one": `{"spec":{"containers":[{"name":"d","env":[{"name":"A"},{"name":"B","value":"%s"}]}]}}`,
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			one, two := decode(t, fmt.Sprintf(place, "canary-1")), decode(t, fmt.Sprintf(place, "canary-2"))
			for what, changes := range map[string][]FieldChange{
				"changed": differences(one, two), "new": differences(map[string]any{}, one), "removed": differences(one, map[string]any{}),
			} {
				if len(changes) == 0 {
					t.Errorf("%s: no change is shown", what)
				}
				if text, _ := json.Marshal(changes); strings.Contains(string(text), "canary") {
					t.Errorf("%s: %s", what, text)
				}
			}
		})
	}
}

// Names of flags, and values that are not secret, stay readable.
func TestChangesStayReadable(t *testing.T) {
	tests := []struct{ path, value, want string }{
		{"spec.args", "--debug", "--debug"},
		{"spec.args", "--tls=false", "--tls=false"},
		{"spec.args", "--storage-driver=overlay2", "--storage-driver=overlay2"},
		{"spec.args", "--https-proxy=http://me:it@proxy", "--https-proxy=http://(not shown)@proxy"},
		{"spec.args", "--log-opt=splunk-token=x", "--log-opt=(not shown)"},
		{"spec.containers[name=d].command", "docker", "docker"},
		{"spec.containers[name=d].startupProbe.exec.command", "/etc/dindctl/await.sh", "/etc/dindctl/await.sh"},
		{"spec.containers[name=d].env[name=DOCKER_DRIVER].value", "overlay2", "overlay2"},
		{"spec.containers[name=d].env[name=TOKEN].value", "x", "(not shown)"},
		{"spec.args", "dockerd", "(not shown)"},
		{"spec.containers[name=d].image", "docker:29", "docker:29"},
		{"spec.template.metadata.annotations.dindctl/config-hash", "12ab", "12ab"},
		{"metadata.labels.app", "x", "x"},
		{"spec.containers[name=d].env[name=A].valueFrom.secretKeyRef.name", "login", "login"},
		{"spec.dataSource.name", "x", "x"},
	}
	for _, test := range tests {
		if got := hide(test.path, test.value, true); got != test.want {
			t.Errorf("%s: %v, want %s", test.path, got, test.want)
		}
	}
}

// Of the marks that adopting removes, only the names are shown.
func TestMarksOfToolsAreNamedOnly(t *testing.T) {
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"meta.helm.sh/release-name": "canary"}}}
	want := []FieldChange{{Path: "metadata.annotations.meta.helm.sh/release-name", From: hidden}}
	if diff := cmp.Diff(want, removedMarks(claim)); diff != "" {
		t.Error(diff)
	}
}
