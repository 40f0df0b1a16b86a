# dindctl's workshop. Everything sets itself up: Go, make, git and root are all
# a machine needs. `make` alone lists what there is.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
RUNS     ?= 5
FUZZTIME ?= 30s

# Nothing here needs a C compiler. Without this, go would begin to use the one
# that the cluster brings along while it is still being installed.
export CGO_ENABLED = 0
export DINDCTL_BIN = $(CURDIR)/bin/dindctl

with-cluster := hack/tools/with-cluster
# Every check but one: a usage line, which is an error's text too, ends in dots.
staticcheck  := go tool -modfile=$(CURDIR)/hack/tools/go.mod staticcheck -checks all,-ST1005

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "KUBECONFIG_E2E=path makes demo, e2e, test, soak and bench use that cluster and start none."

.PHONY: build
build: ## the program, as bin/dindctl
	go build -trimpath -buildvcs=false -ldflags "-s -w -X github.com/dindctl/dindctl/internal/cli.version=$(VERSION)" -o bin/dindctl ./cmd/dindctl

.PHONY: unit
unit: ## quick tests, no cluster: seconds
	go test -timeout 3m ./cmd/... ./internal/... ./hack/...
	cd hack/cluster && go test -timeout 3m ./...
	cd hack/tools && go test -timeout 3m ./...

.PHONY: race
race: ## the quick tests under the race detector; needs the C compiler that `make cluster` installs
	CGO_ENABLED=1 go test -race -timeout 10m ./cmd/... ./internal/...

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME=30s
	@for directory in $$(grep -rl --include='*_test.go' '^func Fuzz' ./internal | xargs -n1 dirname | sort -u); do \
		for target in $$(go test -list '^Fuzz' "$$directory" | grep '^Fuzz'); do \
			echo "$$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$directory"; \
		done; \
	done

.PHONY: lint
lint: ## gofmt, vet, staticcheck, go.mod as small as it can be
	@files=$$(gofmt -l .); test -z "$$files" || { echo "make lint: run gofmt -w on" $$files >&2; exit 1; }
	@for module in . hack/cluster hack/tools; do (cd $$module && go mod tidy -diff) || { echo "make lint: run go mod tidy in $$module" >&2; exit 1; }; done
	go vet ./...
	go vet -tags e2e ./...
	$(staticcheck) ./...
	$(staticcheck) -tags e2e ./...
	cd hack/cluster && go vet ./... && $(staticcheck) ./...
	cd hack/tools && go vet ./... && $(staticcheck) ./...

.PHONY: supply-chain
supply-chain: build ## what the program is made of, and what is known of it: bin/dependencies.txt
	@hack/tools/supply-chain

.PHONY: cluster
cluster: ## start a real one-node Kubernetes on this machine; prints its kubeconfig
	@cd hack/cluster && go run . up

.PHONY: cluster-down
cluster-down: ## stop it and remove all of it but the caches
	@cd hack/cluster && go run . down

.PHONY: demo
demo: build ## watch all of it: a cluster, install, two builds, status, uninstall
	@$(with-cluster) go run ./hack/demo

.PHONY: e2e
e2e: build ## the program against a real cluster
	go build -C hack/tools -o $(CURDIR)/bin/failures ./failures
	$(with-cluster) go test -tags e2e -count=1 -json -parallel 4 -timeout 45m ./e2e/... | bin/failures

.PHONY: soak
soak: build ## the same, for hours: what chance decides is repeated
	go build -C hack/tools -o $(CURDIR)/bin/failures ./failures
	DINDCTL_SOAK=1 $(with-cluster) go test -tags e2e -count=1 -json -parallel 4 -timeout 4h ./e2e/... | bin/failures

.PHONY: bench
bench: build ## install beside kubectl and helm, builds beside a daemon for each job, RUNS=5 each; bin/bench.json
	@kubectl=$$(cd hack/tools && go run ./client kubectl) && helm=$$(cd hack/tools && go run ./client helm) && \
	$(with-cluster) go run ./hack/bench -runs $(RUNS) -kubectl "$$kubectl" -helm "$$helm" -only "$(ONLY)" -json bin/bench.json

.PHONY: chart
chart: ## draw the figures about builds in bin/bench.json as hack/bench/builds.svg, for the README
	cd hack/tools && go run ./chart ../../bin/bench.json ../bench/builds.svg

.PHONY: prepare
prepare: ## only build what cluster and bench need, long before they are started
	@test -n "$${KUBECONFIG_E2E:-}" || { cd hack/cluster && go run . build; }
	@cd hack/tools && go run ./client kubectl && go run ./client helm

.PHONY: test
test: ## everything: lint, unit, fuzz, e2e on a cluster, a sample of bench
	@hack/tools/test

.PHONY: clean
clean: ## remove bin; the caches outside of the checkout stay
	rm -rf bin
