package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequests(t *testing.T) {
	line := func(id, agent, verb, namespace string) string {
		return fmt.Sprintf(`{"auditID":%q,"userAgent":%q,"verb":%q,"requestURI":"/x","objectRef":{"namespace":%q}}`, id, agent, verb, namespace) + "\n"
	}
	log := line("1", "dindctl/v1", "get", "bench-a") +
		line("2", "kubectl/v1.36.3 (linux/amd64) kubernetes/$Format", "watch", "bench-a") +
		line("2", "kubectl/v1.36.3 (linux/amd64) kubernetes/$Format", "watch", "bench-a") + // its end
		line("3", "Helm/4.3.1", "create", "bench-a") +
		line("4", "dindctl/v1", "get", "somewhere-else") +
		line("5", "dindctl-bench", "get", "bench-a") +
		line("6", "kubelet/v1.36.3", "get", "bench-a") +
		`{"auditID":"7","userAgent":"kubectl/v1.36.3","verb":"get","requestURI":"/api"}` + "\n" +
		`{"auditID":"8","userAg`
	got, err := requests(strings.NewReader(log), "bench-a")
	if err != nil {
		t.Fatal(err)
	}
	var verbs []string
	for _, one := range got {
		verbs = append(verbs, one.verb+" "+one.uri)
	}
	if diff := cmp.Diff([]string{"get /x", "watch /x", "create /x", "get /api"}, verbs); diff != "" {
		t.Error(diff)
	}
	if none, err := requests(strings.NewReader(""), "bench-a"); err != nil || none == nil {
		t.Errorf("an empty log gives %v, %v: nil would mean that nothing could be counted", none, err)
	}
}
