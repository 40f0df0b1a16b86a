package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReportOfPeers(t *testing.T) {
	measured := newPeerSamples(peer{name: "one way", builder: &daemon})
	for way, seconds := range map[string][]float64{
		peerFirst: {9, 7, 8}, peerPushAll: {6}, peerLater: {1, 3, 2}, peerPush: {0.5}, peerRestart: {4},
	} {
		measured.ways[way] = seconds
	}
	measured.bytes, measured.received, measured.sent = []int64{600e6}, []int64{1.5e6}, []int64{20e3}
	missing := newPeerSamples(peer{name: "another", cache: "r:5000/bench-cache:ns"})
	missing.skipped = "there is no registry for the cache"
	r := report{Peers: []peerFigures{measured.figures(), missing.figures()}}
	text := strings.Join(strings.Fields(r.text()), " ")
	for _, want := range []string{
		"8.0 s 6.0 s 2.0 s 0.5 s 4.0 s – 1.50 MB 0.02 MB 600 MB volume one way (not privileged, set-up commands: 0)",
		"– – – – – – – – – another (skipped: there is no registry for the cache)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// What a job needs is read from the pod that is created for it.
func TestNeedsOfPeers(t *testing.T) {
	got := map[string]string{}
	for _, p := range (arena{namespace: "ns", setting: setting{registry: "r:5000"}}).peers(sizeFor(1)) {
		got[p.name] = newPeerSamples(p).needs.String()
	}
	const plain = "not privileged, set-up commands: 0"
	want := map[string]string{
		perJob: "privileged, set-up commands: 0", withCache: "privileged, set-up commands: 0",
		buildxDriver:                          "not privileged, the role edit, set-up commands: 1",
		"dindctl, the containerd image store": plain, "dindctl, --storage-driver overlay2": plain,
		ownSocket: "access to the daemon's container, set-up commands: 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A job with a builder does not wait for a daemon. It builds and pushes by the builder,
// and both are measured.
func TestScriptWithBuilder(t *testing.T) {
	p := (arena{namespace: "ns", setting: setting{registry: "r:5000"}}).buildxPeer(buildPod{builds: 1, megabytes: 20, registry: "r:5000"})
	var variables []string
	for name, value := range p.job.variables() {
		variables = append(variables, name+"="+value)
	}
	root, out := runScript(t, buildScript+pushScript, `echo "$*" >>ROOT/calls`, variables...)
	if measured, err := readBursts(out); err != nil || len(measured) != 2 {
		t.Errorf("measured %v, %v\n%s", measured, err, out)
	}
	calls, err := os.ReadFile(filepath.Join(root, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for call := range strings.Lines(string(calls)) {
		before, _, _ := strings.Cut(call, " -t ")
		got = append(got, strings.TrimSpace(before))
	}
	want := []string{
		strings.TrimPrefix(p.job.setup[0], "docker "),
		"buildx build --builder peer --output type=cacheonly", "buildx build --builder peer --push",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPushScript(t *testing.T) {
	root, _ := runScript(t, pushScript, `echo "$1 $2" >>ROOT/calls`, "REGISTRY=r:5000")
	calls, err := os.ReadFile(filepath.Join(root, "calls"))
	if err != nil || string(calls) != "tag app:1\npush --quiet\n" {
		t.Errorf("%v: %s", err, calls)
	}
}

func TestReadTraffic(t *testing.T) {
	counters := `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      200       1    0    0    0     0       0          0
  eth0: 1234567     890    0    0    0     0          0         0   765432     543    0    0    0     0       0          0
`
	if got, err := readTraffic("measured: x\n" + counters); err != nil || got != (traffic{1234567, 765432}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := readTraffic(strings.ReplaceAll(counters, "eth0", "veth0")); err == nil {
		t.Error("no error without eth0")
	}
}

// A layer that two stages share counts once.
func TestManifestBytes(t *testing.T) {
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch request.URL.Path {
		case "/v2/bench-cache/manifests/ns":
			_, _ = w.Write([]byte(`{"config":{"digest":"c","size":1},"layers":[{"digest":"a","size":20},{"digest":"b","size":300},{"digest":"a","size":20}]}`))
		case "/v2/bench-cache/manifests/index":
			_, _ = w.Write([]byte(`{"manifests":[{"digest":"a","size":20},{"digest":"c","size":1}]}`))
		case "/v2/bench-cache/manifests/broken":
			http.Error(w, "broken", http.StatusInternalServerError)
		default:
			http.NotFound(w, request)
		}
	}))
	defer registry.Close()
	reference := strings.TrimPrefix(registry.URL, "http://") + "/bench-cache:"
	for tag, want := range map[string]int64{"ns": 321, "index": 21} {
		if got, err := manifestBytes(t.Context(), reference+tag); err != nil || got != want {
			t.Errorf("%s: %d, %v", tag, got, err)
		}
	}
	if _, err := manifestBytes(t.Context(), reference+"none"); !errors.Is(err, errNoManifest) {
		t.Errorf("no manifest: %v", err)
	}
	if _, err := manifestBytes(t.Context(), reference+"broken"); err == nil || errors.Is(err, errNoManifest) {
		t.Errorf("a broken registry: %v", err)
	}
}

func TestExplained(t *testing.T) {
	old := errors.New("the job ended with 1:\nERROR: invalid driver option persistent-volume-claim.requests.storage for driver kubernetes")
	var reason skipped
	if !errors.As(explained(old), &reason) || !strings.Contains(string(reason), "claim") {
		t.Errorf("got %v", explained(old))
	}
	if other := errors.New("the job ended with 1"); explained(other) != other {
		t.Error("another error is explained")
	}
}
