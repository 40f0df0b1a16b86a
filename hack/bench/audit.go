package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// auditLog is the path of the API server's audit log; empty where it cannot be
// read, as on a user's own cluster.
type auditLog string

// request is one request of a client under test.
type request struct {
	agent, verb, uri string
}

// clients are the user agents that count, in lower case.
var clients = []string{"dindctl/", "kubectl/", "helm/"}

// settle is for how long a log has to be quiet to be taken for complete: the
// server writes a line after it has answered.
const settle = 200 * time.Millisecond

// end is the position behind the last line.
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

// since gives the clients' requests behind a position, those of other
// namespaces excepted; nil if there is no log.
func (l auditLog) since(ctx context.Context, position int64, namespace string) ([]request, error) {
	if l == "" {
		return nil, nil
	}
	for size := int64(-1); ; {
		now, err := l.end()
		if err != nil {
			return nil, err
		}
		if now < position {
			return nil, errors.New("the audit log was rotated meanwhile: run it again")
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
	return requests(file, namespace)
}

// maxTail ends the wait for a quiet log on a cluster that is never quiet.
const maxTail = 16 << 20

// requests counts each request once: long ones, like watches, have a line for
// their beginning and one for their end.
func requests(log io.Reader, namespace string) ([]request, error) {
	seen := map[string]bool{}
	found := []request{}
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return found, nil // a line without an end is still being written
		}
		if err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		var event struct {
			AuditID, UserAgent, Verb, RequestURI string
			ObjectRef                            struct{ Namespace string }
		}
		if err := json.Unmarshal(line, &event); err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		elsewhere := event.ObjectRef.Namespace != "" && event.ObjectRef.Namespace != namespace
		if seen[event.AuditID] || elsewhere || !isClient(event.UserAgent) {
			continue
		}
		seen[event.AuditID] = true
		found = append(found, request{event.UserAgent, event.Verb, event.RequestURI})
	}
}

func isClient(agent string) bool {
	for _, prefix := range clients {
		if strings.HasPrefix(strings.ToLower(agent), prefix) {
			return true
		}
	}
	return false
}
