package lifecycle

import (
	"strings"
	"testing"
)

func TestLineWriterJoinsPieces(t *testing.T) {
	var lines []string
	w := &lineWriter{line: func(line string) { lines = append(lines, line) }}
	for _, piece := range []string{"on", "e\ntwo\n", "", "\nth", "ree"} {
		if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("wrote %d of %q: %v", n, piece, err)
		}
	}
	if got := strings.Join(lines, "|"); got != "one|two|" {
		t.Errorf("got %q", got)
	}
	w.flush()
	w.flush()
	if got := strings.Join(lines, "|"); got != "one|two||three" {
		t.Errorf("flushed: got %q", got)
	}
}
