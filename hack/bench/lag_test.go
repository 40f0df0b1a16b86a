package main

import (
	"strings"
	"testing"
	"time"
)

func TestFirstAnswer(t *testing.T) {
	const log = `dindctl: MTU 1450
time="2026-11-21T12:00:00.5Z" level=info msg="API listen on /var/run/docker.sock"
time="2026-11-21T12:00:01.250Z" level=info msg="API listen on [::]:2375"
time="2026-11-21T12:00:09Z" level=info msg="API listen on [::]:2375"
`
	at, found := firstAnswer(strings.NewReader(log))
	if want := time.Date(2026, 11, 21, 12, 0, 1, 250_000_000, time.UTC); !found || !at.Equal(want) {
		t.Errorf("got %v, %v", at, found)
	}
	if _, found := firstAnswer(strings.NewReader("nothing\n")); found {
		t.Error("an answer was found where there is none")
	}
}
