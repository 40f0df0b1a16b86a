package tunnel

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// session is a streaming connection through the API server to the node. It carries
// any number of connections to the pod's ports.
type session struct {
	streams httpstream.Connection
	raw     net.Conn
	// alive ends with ErrLost soon after the streaming connection is lost.
	alive context.Context
	// suspect is set after a failed dial. Open connections may still work, but new
	// ones need a new session.
	suspect atomic.Bool
	// untried is set until a websocket has carried a connection: a proxy may let its
	// handshake pass and swallow the rest.
	untried atomic.Bool
}

// newSession starts SPDY on raw. It closes raw when the session ends.
func newSession(raw net.Conn) (*session, error) {
	streams, err := spdy.NewClientConnectionWithPings(raw, portforward.PingPeriod)
	if err != nil {
		return nil, fmt.Errorf("start the streams: %w", err)
	}
	alive, end := context.WithCancelCause(context.Background())
	s := &session{streams: streams, raw: raw, alive: alive}
	go func() {
		<-streams.CloseChan()
		end(ErrLost)
		s.kill()
	}()
	return s, nil
}

// dead reports whether the connection is lost. It is true before streams end.
func (s *session) dead() bool {
	select {
	case <-s.streams.CloseChan():
		return true
	default:
		return false
	}
}

// kill closes the session immediately. Closing each stream first could block
// forever behind a write that does not drain.
func (s *session) kill() { _ = s.raw.Close() }

// pair is the two streams of a connection: its data and the node's error report.
type pair struct {
	data, report httpstream.Stream
	// reported receives the complete report, which is empty without an error.
	reported <-chan string
}

// open opens the streams of a connection and waits for the node's replies.
func (s *session) open(ctx context.Context, to addr, request int64) (pair, error) {
	ctx, cancel := endWith(ctx, s.alive)
	defer cancel()
	return await(ctx, func() (pair, error) {
		report, err := s.stream(corev1.StreamTypeError, to, request)
		if err != nil {
			return pair{}, err
		}
		_ = report.Close() // only the node writes to it
		reported := make(chan string, 1)
		go func() {
			text, _ := io.ReadAll(report)
			reported <- strings.TrimSpace(string(text))
		}()
		p := pair{report: report, reported: reported}
		if p.data, err = s.stream(corev1.StreamTypeData, to, request); err != nil {
			// The node may report an error before it replies.
			if refused := p.fault(to, s.alive.Done()); refused != nil {
				err = refused
			}
			s.drop(report)
			return pair{}, err
		}
		return p, nil
	}, func(p pair) { s.drop(p.data, p.report) })
}

func (s *session) stream(kind string, to addr, request int64) (httpstream.Stream, error) {
	headers := http.Header{}
	headers.Set(corev1.StreamType, kind)
	headers.Set(corev1.PortHeader, strconv.Itoa(to.port))
	headers.Set(corev1.PortForwardRequestIDHeader, strconv.FormatInt(request, 10))
	stream, err := s.streams.CreateStream(headers)
	if err != nil {
		return nil, fmt.Errorf("start the %s stream: %w", kind, err)
	}
	return stream, nil
}

// fault returns the node's report as an error after the data has ended, or nil.
// Nodes send the report first, but it may arrive slightly later.
func (p pair) fault(to addr, giveUp <-chan struct{}) error {
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	select {
	case text := <-p.reported:
		if text != "" {
			return &RemoteError{Pod: to.pod, Port: to.port, Message: text}
		}
	case <-giveUp:
	case <-timeout.C:
	}
	return nil
}

// drop resets streams, which unblocks reads.
func (s *session) drop(streams ...httpstream.Stream) {
	for _, stream := range streams {
		_ = stream.Reset()
	}
	s.streams.RemoveStreams(streams...)
}
