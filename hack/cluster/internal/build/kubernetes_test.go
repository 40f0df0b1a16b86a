package build

import "testing"

func TestModuleFile(t *testing.T) {
	const own = `// Generated.

module k8s.io/kubernetes

go 1.21

require (
	github.com/spf13/cobra v1.7.0
	k8s.io/api v0.0.0
	k8s.io/sample-apiserver v0.0.0
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/other => k8s.io/other v1.0.0
)
`
	const want = `// Generated.

module kubernetes

go 1.21

require (
	github.com/spf13/cobra v1.7.0
	k8s.io/api v0.0.0
)

replace (
	k8s.io/api => k8s.io/api v0.30.14
	k8s.io/other => k8s.io/other v1.0.0
)

require k8s.io/kubernetes v1.30.14
`
	if got := moduleFile(own, "v1.30.14"); got != want {
		t.Errorf("got\n%s", got)
	}
}
