package lifecycle

import (
	"bytes"
	"sync"
)

// lineWriter hands over what is written to it line by line. It may be written
// to from several goroutines.
type lineWriter struct {
	line func(string)

	mu      sync.Mutex
	pending []byte
}

func (w *lineWriter) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = append(w.pending, data...)
	for {
		line, rest, found := bytes.Cut(w.pending, []byte("\n"))
		if !found {
			return len(data), nil
		}
		w.line(string(line))
		w.pending = rest
	}
}

// flush hands over a last line that had no end.
func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) > 0 {
		w.line(string(w.pending))
		w.pending = nil
	}
}
