package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/dindctl/dindctl/internal/dind"
)

// forwarding matches what kubectl prints when it listens.
var forwarding = regexp.MustCompile(`^Forwarding from (127\.0\.0\.1:\d+) ->`)

// awaitAnswer requests the daemon's info through kubectl's port-forward until the
// daemon answers, and returns the time of the answer.
func (a arena) awaitAnswer(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("no answer within a minute"))
	defer cancel()
	for {
		done, err := a.requestInfo(ctx)
		if err == nil {
			return done, nil
		}
		if ctx.Err() != nil {
			return time.Time{}, fmt.Errorf("requesting the daemon's info: %w; last error: %w", context.Cause(ctx), err)
		}
	}
}

// requestInfo requests it once: kubectl ends a port-forward when a connection is
// refused.
func (a arena) requestInfo(ctx context.Context) (time.Time, error) {
	forward := a.command(ctx, a.kubectl, "port-forward", "-n", a.namespace, "--address", "127.0.0.1",
		"deployment/"+dind.DefaultName, fmt.Sprintf(":%d", dind.PlainPort))
	var errs strings.Builder
	forward.Stderr = &errs
	out, err := forward.StdoutPipe()
	if err != nil {
		return time.Time{}, err
	}
	if err := forward.Start(); err != nil {
		return time.Time{}, err
	}
	// The port-forward has ended on return, so its requests are in the audit log.
	defer func() {
		_ = forward.Process.Signal(os.Interrupt)
		_ = forward.Wait()
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if match := forwarding.FindStringSubmatch(lines.Text()); match != nil {
			err := getInfo(ctx, "http://"+match[1]+"/info")
			return time.Now(), err
		}
	}
	return time.Time{}, fmt.Errorf("kubectl port-forward: %s", errs.String())
}

func getInfo(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// No proxy and no keep-alive: the tunnel serves only this request.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the daemon answers %s", response.Status)
	}
	return nil
}
