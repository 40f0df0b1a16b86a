package process

import (
	"errors"
	"os"
	"testing"
)

func TestParseStat(t *testing.T) {
	cases := map[string]struct {
		stat  string
		start uint64
		err   error
	}{
		"plain name":        {"7 (sleep) S 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1", 4242, nil},
		"name with ') R ('": {"7 (a) R (b) S 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 99 1 1", 99, nil},
		"zombie":            {"7 (sleep) Z 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1", 0, os.ErrProcessDone},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			start, err := parseStat(c.stat)
			if start != c.start || !errors.Is(err, c.err) {
				t.Errorf("got %d, %v; want %d, %v", start, err, c.start, c.err)
			}
		})
	}
}

func TestRecord(t *testing.T) {
	start, err := startTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	records := Records(t.TempDir())
	if records.Load("absent").Alive() {
		t.Error("a component without a record is alive")
	}
	want := Record{PID: os.Getpid(), Start: start, Boot: bootID(), Spec: "abc"}
	if err := records.save("self", want); err != nil {
		t.Fatal(err)
	}
	got := records.Load("self")
	if got != want || !got.Alive() {
		t.Errorf("got %+v alive=%v, want %+v alive", got, got.Alive(), want)
	}
	recycled := want
	recycled.Start++
	otherBoot := want
	otherBoot.Boot = "x"
	if recycled.Alive() || otherBoot.Alive() {
		t.Error("a recycled process number counts as alive")
	}
}
