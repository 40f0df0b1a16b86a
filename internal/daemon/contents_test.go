package daemon

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// stockedEngine is an engine that also serves its networks and images.
type stockedEngine struct {
	*engine
	removed string // the ID of an image that is removed after it was listed
}

func (s stockedEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	id, isImage := strings.CutPrefix(path, "images/")
	id = strings.TrimSuffix(id, "/json")
	w.Header().Set("Content-Type", "application/json")
	switch {
	case path == "networks":
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Query().Get("filters"))
		s.mu.Unlock()
		fmt.Fprint(w, `[{"Name":"compose_default","Id":"n1","Created":"2026-11-01T00:00:00.5+01:00"}]`)
	case isImage && id == s.removed:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"message":"No such image: %s"}`, id)
	case isImage:
		created, tagged, layers := "2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", `"base"`
		if id == "sha256:bb" {
			tagged, layers = "2026-11-20T10:00:00+01:00", `"base","app"`
		}
		if id == "sha256:cc" {
			created, layers = "", `"tools"`
		}
		fmt.Fprintf(w, `{"Id":%q,"RepoTags":["tag:%s"],"Created":%q,"Metadata":{"LastTagTime":%q},"RootFS":{"Type":"layers","Layers":[%s]}}`, id, id[7:], created, tagged, layers)
	default:
		s.engine.ServeHTTP(w, r)
	}
}

func TestContentsByRelease(t *testing.T) {
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	used := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	want := Contents{
		Containers: []Container{
			{ID: "c1", Name: "job", ImageID: "sha256:aa", Running: true, Created: created, SizeBytes: 3000},
			{ID: "c2", Name: "done", ImageID: "sha256:aa", Created: created, SizeBytes: 2000},
		},
		Networks: []Network{{ID: "n1", Name: "compose_default", Created: time.Date(2026, 10, 31, 23, 0, 0, 5e8, time.UTC)}},
		Images: []Image{
			{ID: "sha256:aa", Tags: []string{"tag:aa"}, LastUsed: used, SizeBytes: 400_000},
			{ID: "sha256:bb", Tags: []string{"tag:bb"}, LastUsed: used, SizeBytes: 300_000},
			{ID: "sha256:cc", Tags: []string{"tag:cc"}, SizeBytes: 100_000},
		},
		BuildCache: []CacheRecord{
			{ID: "b1", LastUsed: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), SizeBytes: 40_000},
			{ID: "b2", InUse: true, SizeBytes: 8_000},
			{ID: "b3", Shared: true, SizeBytes: 999_000},
		},
	}
	for release, s := range map[string]stockedEngine{
		"26":                          {engine: &engine{release: "26", min: "1.24", max: "1.45"}},
		"29":                          {engine: &engine{release: "29", min: "1.40", max: "1.56"}},
		"26, image removed meanwhile": {engine: &engine{release: "26", min: "1.24", max: "1.45"}, removed: "sha256:cc"},
	} {
		t.Run(release, func(t *testing.T) {
			got, err := connect(t, serve(t, s)).Contents(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := want
			if s.release == "26" { // does not count shared records
				want.BuildCache = want.BuildCache[:2]
			}
			if s.removed != "" {
				want.Images = want.Images[:2]
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Image{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, request := range s.seen() {
				if strings.Contains(request, "system/df") && !strings.Contains(request, "type=build-cache") {
					t.Errorf("unexpected request %s", request)
				}
			}
		})
	}
}

func TestContentsFails(t *testing.T) {
	e := connect(t, serve(t, &engine{release: "26", min: "1.24", max: "1.45"}))
	if _, err := e.Contents(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "list the Docker daemon's networks: ") {
		t.Errorf("got %v, want an error about networks", err)
	}
}
