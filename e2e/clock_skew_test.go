//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The API server's clock is an hour ahead or behind. Every command works, and
// none prints an impossible age.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	for name, skew := range map[string]time.Duration{"an hour ahead": time.Hour, "an hour behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i, p := inNewNamespace(t, nil), newInjector(t)
			p.skew(skew)
			run := func(command string, options ...string) result {
				return succeed(t, append(i.command(command, options...), "--kubeconfig", p.kubeconfig)...)
			}
			options := i.installOptions("-o", "json", "--tls")
			if daemon := decode[installed](t, run("install", options...)).Daemon; daemon == nil {
				t.Error("install reports no daemon")
			}
			equal(t, "changes by a second install", decode[installed](t, run("install", options...)).changes(), []string{"unchanged"})
			pruned := decode[pruned](t, run("prune-now", "-o", "json"))
			if pruned.DurationSeconds < 0 || pruned.DurationSeconds > 600 {
				t.Errorf("prune took %v s", pruned.DurationSeconds)
			}
			s := decode[status](t, run("status", "-o", "json"))
			if !s.Healthy || s.Prune == nil || s.Prune.LastRun == nil {
				t.Fatalf("status: %+v", s)
			}
			if off := s.Prune.LastRun.Sub(time.Now().Add(skew)); off.Abs() > 30*time.Minute {
				t.Errorf("the last prune was at %v, which is not on the skewed clock", s.Prune.LastRun)
			}
			age := " ago"
			if skew > 0 {
				age = "the cluster's clock is ahead of this machine's"
			}
			contains(t, "status", run("status").stdout, age)
			run("uninstall", "--delete-data", "--yes")
			equal(t, "remaining objects", i.leftOver(t), nil)
		})
	}
}

// moment matches a time in an answer. Shifting the time does not change its
// length.
var moment = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"`)

// skew shifts the clock of the API server and of everything behind it.
func (p *injector) skew(by time.Duration) {
	skewed := *p.reverse
	move := func(text []byte) []byte {
		return moment.ReplaceAllFunc(text, func(found []byte) []byte {
			at, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(found))
			if err != nil {
				return found
			}
			layout := "2006-01-02T15:04:05"
			if digits := bytes.IndexByte(found, '.'); digits > 0 {
				layout += "." + strings.Repeat("0", len(found)-digits-len(`.Z"`))
			}
			return []byte(`"` + at.Add(by).UTC().Format(layout) + `Z"`)
		})
	}
	rewrite := skewed.Rewrite
	skewed.Rewrite = func(r *httputil.ProxyRequest) {
		rewrite(r)
		// JSON without compression, so that times can be replaced.
		if strings.Contains(r.Out.Header.Get("Accept"), "json") {
			r.Out.Header.Set("Accept", "application/json")
		}
		r.Out.Header.Set("Accept-Encoding", "identity")
	}
	skewed.ModifyResponse = func(r *http.Response) error {
		if r.StatusCode == http.StatusSwitchingProtocols || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			return nil
		}
		body := r.Body
		if r.Request.URL.Query().Get("watch") != "true" {
			text, err := io.ReadAll(body)
			_ = body.Close()
			text = move(text)
			r.Body = io.NopCloser(bytes.NewReader(text))
			r.ContentLength = int64(len(text))
			r.Header.Set("Content-Length", strconv.Itoa(len(text)))
			return err
		}
		reader, writer := io.Pipe()
		r.Body = reader
		go func() {
			defer body.Close()
			lines := bufio.NewReader(body)
			for {
				line, err := lines.ReadBytes('\n')
				if _, gone := writer.Write(move(line)); gone != nil {
					return
				}
				if err != nil {
					writer.CloseWithError(err)
					return
				}
			}
		}()
		return nil
	}
	p.skewed = &skewed
}
