package control

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
)

// api is a minimal client of the API server. A client library would take longer
// to compile than the whole launcher.
type api struct {
	client *http.Client
	token  string
}

func newAPI(p paths.Paths) (*api, error) {
	certificate, err := os.ReadFile(p.In("pki", "ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	token, err := adminToken(p)
	if err != nil {
		return nil, err
	}
	return &api{token: token, client: &http.Client{
		Timeout: 5 * time.Second,
		// No proxy, whatever the environment says: the server is on this machine.
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
	}}, nil
}

func adminToken(p paths.Paths) (string, error) {
	data, err := os.ReadFile(p.In("pki", "tokens.csv"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Split(line, ","); len(fields) > 1 && fields[1] == "admin" {
			return fields[0], nil
		}
	}
	return "", errors.New("no admin in the token file: run down, then up")
}

func (a *api) get(ctx context.Context, path string, into any) error {
	return a.do(ctx, http.MethodGet, path, nil, into)
}

// apply creates an object, or changes it to what is given.
func (a *api) apply(ctx context.Context, path string, object any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return a.do(ctx, http.MethodPatch, path+"?fieldManager=dindctl-cluster&force=true", body, nil)
}

// RemoveNode deletes a node from the cluster, if it is there, and with it the pods
// that were on it.
func RemoveNode(ctx context.Context, p paths.Paths, name string) error {
	server, err := newAPI(p)
	if err != nil {
		return err
	}
	err = server.do(ctx, http.MethodDelete, "/api/v1/nodes/"+name, nil, nil)
	if errors.Is(err, errNotFound) {
		return nil
	}
	return err
}

// errNotFound says that an object does not exist.
var errNotFound = errors.New("not found")

func (a *api) do(ctx context.Context, method, path string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, Server+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	request.Header.Set("User-Agent", "dindctl-cluster")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/apply-patch+yaml")
	}
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%s %s: %w: %.300s", method, path, errNotFound, answer)
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %.300s", method, path, response.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
