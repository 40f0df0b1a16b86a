package daemon

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Leftovers names what runs, by what docker shows of it, and asks for no sizes.
func TestLeftovers(t *testing.T) {
	h := &engine{release: "29", min: "1.40", max: "1.56"}
	served := map[string]string{
		"containers/json": `[
			{"Id":"c1","Names":["/web"],"Image":"nginx:1.27","Created":1795600000,"State":"running"},
			{"Id":"c2","Names":["/app/database","/db"],"Image":"postgres:16","Created":1795000000,"State":"paused"},
			{"Id":"0123456789abcdef","Names":[],"Image":"sha256:fedcba9876543210","Created":1795000000},
			{"Id":"c4","Names":["/buildx_buildkit_mine0"],"Image":"moby/buildkit:v0.33.0","Created":1795100000}]`,
		"networks": `[{"Name":"young","Created":"2026-11-20T00:00:00Z"},{"Name":"old","Created":"2026-11-01T00:00:00.5+01:00"}]`,
	}
	dial := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if text, is := served[path]; is {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, text)
			return
		}
		h.ServeHTTP(w, r)
	}))
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }
	want := Leftovers{
		Containers: []Leftover{
			{Name: "0123456789ab", Image: "fedcba987654", Created: at(1795000000)},
			{Name: "db", Image: "postgres:16", Created: at(1795000000)},
			{Name: "web", Image: "nginx:1.27", Created: at(1795600000)},
		},
		Builders: []Leftover{{Name: "buildx_buildkit_mine0", Image: "moby/buildkit:v0.33.0", Created: at(1795100000)}},
		Networks: []Leftover{
			{Name: "old", Created: time.Date(2026, 10, 31, 23, 0, 0, 5e8, time.UTC)},
			{Name: "young", Created: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)},
		},
	}
	got, err := connect(t, dial).Leftovers(t.Context())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, request := range h.seen() {
		if strings.Contains(request, "system/df") {
			t.Errorf("sent %s", request)
		}
	}
}
