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

// session is one streaming connection through the API server to the node, with
// any number of connections to the pod's ports on it.
type session struct {
	streams httpstream.Connection
	raw     net.Conn
	// alive ends, with ErrLost, soon after the connection is gone.
	alive context.Context
	// unfit says that a dial failed on it, or got no reply in all its time.
	// Connections that are open may yet work; new ones are better off elsewhere.
	unfit atomic.Bool
}

// newSession speaks SPDY over raw, which it closes when the session ends.
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

// dead says whether the connection is gone. Streams end after it is true.
func (s *session) dead() bool {
	select {
	case <-s.streams.CloseChan():
		return true
	default:
		return false
	}
}

// kill ends the session at once. The polite end, a message to the other side
// for each stream, can wait for ever behind a write that does not drain.
func (s *session) kill() { _ = s.raw.Close() }

// pair is the two streams of one connection: its bytes, and the node's report
// of what went wrong with it.
type pair struct {
	data, report httpstream.Stream
	// reported receives the report, empty if all went well, once it is complete.
	reported <-chan string
}

// open starts the streams of a connection. Each waits for the node's reply.
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
			// The node may give up on the connection before it replies.
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

// fault returns what the node reported, if anything, after the data has ended.
// Nodes send the report first, but it may be read a little later.
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

// drop ends streams, unblocking whoever reads from them.
func (s *session) drop(streams ...httpstream.Stream) {
	for _, stream := range streams {
		_ = stream.Reset()
	}
	s.streams.RemoveStreams(streams...)
}
