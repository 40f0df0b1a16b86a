package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

func TestRelay(t *testing.T) {
	const latency = 40 * time.Millisecond
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	}))
	defer server.Close()
	config := api.NewConfig()
	config.Clusters["c"] = &api.Cluster{Server: server.URL, InsecureSkipTLSVerify: true}
	config.Contexts["c"] = &api.Context{Cluster: "c"}
	config.CurrentContext = "c"
	kubeconfig, relayed := filepath.Join(t.TempDir(), "direct"), filepath.Join(t.TempDir(), "relayed")
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	r, err := startRelay(kubeconfig, relayed, latency)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()

	through, err := clientcmd.BuildConfigFromFlags("", relayed)
	if err != nil {
		t.Fatal(err)
	}
	if through.Host == server.URL || through.ServerName != "127.0.0.1" {
		t.Errorf("the kubeconfig has server %s and server name %q", through.Host, through.ServerName)
	}
	client, err := rest.HTTPClientFor(through)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Get(through.Host)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || string(body) != "hello" {
		t.Fatalf("got %q, %v", body, err)
	}
	began := time.Now()
	response, err = client.Get(through.Host) // on the same connection: one round trip
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if took := time.Since(began); took < latency {
		t.Errorf("round trip in %v", took)
	}
	if sent, received := r.bytes(); sent == 0 || received == 0 {
		t.Errorf("counted %d sent, %d received", sent, received)
	}
	r.reset()
	if sent, received := r.bytes(); sent != 0 || received != 0 {
		t.Errorf("after a reset: %d sent, %d received", sent, received)
	}
	if _, err := startRelay(os.DevNull, relayed, 0); err == nil {
		t.Error("no error for an empty kubeconfig")
	}
}
