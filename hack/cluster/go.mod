module github.com/dindctl/dindctl/hack/cluster

go 1.26.0

require (
	github.com/google/go-containerregistry v0.22.1
	golang.org/x/sync v0.22.0
)
