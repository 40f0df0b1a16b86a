package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// auditLog is the path of the API server's audit log. It is empty if the log cannot
// be read, as on a user's cluster.
type auditLog string

// request is one request of a client. A watch is answered when its answer begins.
type request struct {
	verb, uri          string
	received, answered time.Time
}

// mark writes a kubeconfig that impersonates a user with this uid. The uid is in the
// log, so exactly the requests of one client are counted. The server's additional
// check is the same for all contenders.
func (l auditLog) mark(kubeconfig, marked, uid string) error {
	config, err := (&clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig}).Load()
	if err != nil {
		return err
	}
	for _, user := range config.AuthInfos {
		user.Impersonate, user.ImpersonateUID = "dindctl-bench", uid
		user.ImpersonateGroups = []string{"system:masters"}
	}
	return clientcmd.WriteToFile(*config, marked)
}

// settle is the time without new lines after which the log is complete. The server
// writes a line after its answer.
const settle = 200 * time.Millisecond

// end returns the position after the last line.
func (l auditLog) end() (int64, error) {
	if l == "" {
		return 0, nil
	}
	info, err := os.Stat(string(l))
	if err != nil {
		return 0, fmt.Errorf("reading the audit log: %w", err)
	}
	return info.Size(), nil
}

// since returns the requests with this uid after a position, nil without a log.
func (l auditLog) since(ctx context.Context, position int64, uid string) ([]request, error) {
	if l == "" {
		return nil, nil
	}
	for size := int64(-1); ; {
		now, err := l.end()
		if err != nil {
			return nil, err
		}
		if now < position {
			return nil, errors.New("the audit log was rotated: run the benchmark again")
		}
		if now == size || now > position+maxTail {
			break
		}
		size = now
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(settle):
		}
	}
	file, err := os.Open(string(l))
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	defer file.Close()
	if _, err := file.Seek(position, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	return requests(file, uid)
}

// maxTail is the number of new bytes that ends the wait for a busy cluster's log to
// settle.
const maxTail = 16 << 20

// requests returns each request once. A watch has two lines: for its beginning and
// for its end.
func requests(log io.Reader, uid string) ([]request, error) {
	seen := map[string]bool{}
	found := []request{}
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return found, nil // the last line is incomplete
		}
		if err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		var event struct {
			AuditID, Verb, RequestURI                string
			ImpersonatedUser                         struct{ UID string }
			RequestReceivedTimestamp, StageTimestamp time.Time
		}
		if err := json.Unmarshal(line, &event); err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		if event.ImpersonatedUser.UID != uid || seen[event.AuditID] {
			continue
		}
		seen[event.AuditID] = true
		found = append(found, request{event.Verb, event.RequestURI, event.RequestReceivedTimestamp, event.StageTimestamp})
	}
}
