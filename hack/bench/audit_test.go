package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

func TestRequestsCountsEachRequestOnce(t *testing.T) {
	line := func(id, verb, uid string) string {
		return fmt.Sprintf(`{"auditID":%q,"verb":%q,"requestURI":"/x","user":{"uid":"a"},"impersonatedUser":{"uid":%q}}`, id, verb, uid) + "\n"
	}
	log := line("1", "get", "a") +
		line("2", "watch", "a") +
		line("3", "create", "a") +
		line("2", "watch", "a") + // the end of the watch
		line("4", "get", "b") +
		`{"auditID":"5","verb":"get","requestURI":"/api"}` + "\n" +
		`{"auditID":"6","ver`
	got, err := requests(strings.NewReader(log), "a")
	if err != nil {
		t.Fatal(err)
	}
	var verbs []string
	for _, r := range got {
		verbs = append(verbs, r.verb+" "+r.uri)
	}
	if diff := cmp.Diff([]string{"get /x", "watch /x", "create /x"}, verbs); diff != "" {
		t.Error(diff)
	}
	if none, err := requests(strings.NewReader(""), "a"); err != nil || none == nil {
		t.Errorf("an empty log: got %v, %v; nil would mean that requests cannot be counted", none, err)
	}
}

func TestMarkAddsUID(t *testing.T) {
	plain := api.NewConfig()
	plain.AuthInfos["someone"] = &api.AuthInfo{Token: "secret"}
	kubeconfig, marked := filepath.Join(t.TempDir(), "plain"), filepath.Join(t.TempDir(), "marked")
	if err := clientcmd.WriteToFile(*plain, kubeconfig); err != nil {
		t.Fatal(err)
	}
	if err := auditLog("log").mark(kubeconfig, marked, "run-1"); err != nil {
		t.Fatal(err)
	}
	got, err := clientcmd.LoadFromFile(marked)
	if err != nil {
		t.Fatal(err)
	}
	if user := got.AuthInfos["someone"]; user.Token != "secret" || user.ImpersonateUID != "run-1" {
		t.Errorf("got %+v", user)
	}
}
