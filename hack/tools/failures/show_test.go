package main

import (
	"strings"
	"testing"
)

func TestShow(t *testing.T) {
	const in = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"attr","Package":"p","Test":"TestA","Key":"kills","Value":"7/7"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestB/c","Output":"=== RUN   TestB/c\n"}
{"Action":"output","Package":"p","Test":"TestB/c","Output":"    b_test.go:3: $ dindctl status\n"}
{"Action":"output","Package":"p","Test":"TestB/c","Output":"        fine\n"}
{"Action":"output","Package":"p","Test":"TestB/c","Output":"    b_test.go:9: exit code 3\n"}
{"Action":"output","Package":"p","Test":"TestB/c","Output":"        instead of 0\n"}
{"Action":"output","Package":"p","Test":"TestB/c","Output":"    --- FAIL: TestB/c (0.00s)\n"}
{"Action":"fail","Package":"p","Test":"TestB/c"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"fail","Package":"p"}
{"Time":"2026-11-30T12:00:00Z","Action":"run","Package":"q","Test":"TestD"}
{"Time":"2026-11-30T12:00:00Z","Action":"run","Package":"q","Test":"TestE"}
{"Time":"2026-11-30T12:00:00Z","Action":"pause","Package":"q","Test":"TestE"}
{"Action":"output","Package":"q","Output":"panic: no\n"}
{"Time":"2026-11-30T12:45:03Z","Action":"fail","Package":"q"}
go: not JSON
`
	const want = `=== RUN   TestA
=== RUN   TestB/c
    b_test.go:3: $ dindctl status
        fine
    b_test.go:9: exit code 3
        instead of 0
    --- FAIL: TestB/c (0.00s)
FAIL
panic: no
go: not JSON

=== what was counted
TestA: kills: 7/7

=== what failed
TestB/c
    b_test.go:9: exit code 3
    instead of 0
q
    panic: no

=== what did not end
TestD, after 45m3s
`
	var out strings.Builder
	if err := show(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("got\n%s", out.String())
	}
}
