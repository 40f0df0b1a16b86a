# A machine needs only Go, make, git and, for the embedded cluster, root. On Debian,
# root also lets lint and unit install shellcheck, dash, busybox, curl and unzip.
# `make` without a target lists the targets.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
RUNS     ?= 5
FUZZTIME ?= 30s
# The oldest version of Kubernetes that README names, one in the middle, and the
# newest. The other targets run on the default of hack/cluster.
VERSIONS ?= v1.30.14 v1.33.13 v1.37.2

# Nothing here needs a C compiler. Without this, go would use the one that the
# cluster installs, even before it is complete.
export CGO_ENABLED = 0
# The same flags for all, so that programs, tests and linters share compiled packages.
export GOFLAGS += -trimpath -buildvcs=false
export DINDCTL_BIN = $(CURDIR)/bin/dindctl

with-cluster := hack/tools/with-cluster
# Every check but one: a usage line is also the text of an error, and ends in dots.
staticcheck  := go tool -modfile=$(CURDIR)/hack/tools/go.mod staticcheck -checks all,-ST1005
shellcheck   := shellcheck --severity=warning --external-sources

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "With KUBECONFIG_E2E=path, demo, e2e, test, soak and bench use that cluster and start none."

.PHONY: build
build: ## build the program, bin/dindctl (the tag makes its start a fifth shorter)
	go build -tags urfave_cli_no_docs -ldflags "-s -w -X github.com/dindctl/dindctl/internal/cli.version=$(VERSION)" -o bin/dindctl ./cmd/dindctl

.PHONY: unit
unit: ## run the unit tests, without a cluster: seconds
	@hack/tools/packages dash busybox curl unzip
	go test -timeout 10m ./cmd/... ./internal/... ./hack/...
	cd hack/cluster && go test -timeout 10m ./...
	cd hack/tools && go test -timeout 10m ./...
	cd hack/release/tools && go test -timeout 10m ./...

.PHONY: race
race: ## run the unit tests with the race detector; needs the C compiler that `make cluster` installs
	@hack/tools/packages dash busybox
	CGO_ENABLED=1 go test -race -timeout 10m ./cmd/... ./internal/...

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME=30s; 10s in `make test`
	@for directory in $$(grep -rl --include='*_test.go' '^func Fuzz' ./internal | xargs -n1 dirname | sort -u); do \
		for target in $$(go test -list '^Fuzz' "$$directory" | grep '^Fuzz'); do \
			echo "$$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$directory"; \
		done; \
	done

.PHONY: lint
lint: ## run gofmt, go vet, staticcheck, go mod tidy and shellcheck; type-check for Windows and macOS
	@files=$$(gofmt -l .); test -z "$$files" || { echo "make lint: run gofmt -w on" $$files >&2; exit 1; }
	@hack/tools/packages shellcheck
	$(shellcheck) $$(find . -name '*.sh')
	$(shellcheck) $$(grep -rl --exclude-dir=.git '^#!/usr/bin/env bash' .)
	@for module in . hack/cluster hack/tools; do (cd $$module && go mod tidy -diff) || { echo "make lint: run go mod tidy in $$module" >&2; exit 1; }; done
	go vet -tags e2e ./...
	go build -C hack/tools -o $(CURDIR)/bin/crosscheck ./crosscheck
	bin/crosscheck windows,darwin ./cmd/... ./internal/...
	$(staticcheck) ./...
	$(staticcheck) -tags e2e ./...
	cd hack/cluster && go vet ./... && $(staticcheck) ./...
	cd hack/tools && go vet ./... && $(staticcheck) ./...
	cd hack/release/tools && go vet ./... && $(staticcheck) ./...

.PHONY: reference
reference: ## write the reference and the GitLab CI components in hack/release, from the program
	go run ./hack/release/docs -reference hack/release/reference.md -components hack/release/gitlab/templates

.PHONY: supply-chain
supply-chain: build ## list the program's dependencies and check them for known vulnerabilities
	@hack/tools/supply-chain

.PHONY: cluster
cluster: ## start a Kubernetes cluster of one node on this machine and print its kubeconfig's path
	@cd hack/cluster && go run . up

.PHONY: cluster-down
cluster-down: ## stop and remove that cluster; the caches stay
	@cd hack/cluster && go run . down

.PHONY: demo
demo: ## see it work: start a cluster, install, build twice, show the status, uninstall
	@cd hack/cluster && go run . step --title 'compile dindctl and its demo' --usually 90s -- \
		$(MAKE) --no-print-directory -C ../.. build bin/demo GOFLAGS='$(GOFLAGS) -v'
	@$(with-cluster) --images demo bin/demo

.PHONY: bin/demo
bin/demo:
	go build -o bin/demo ./hack/demo

.PHONY: e2e
e2e: build ## run the tests on a real cluster
	go build -C hack/tools -o $(CURDIR)/bin/failures ./failures
	$(with-cluster) go test -tags e2e -count=1 -json -parallel 6 -timeout 60m ./e2e/... | bin/failures

.PHONY: soak
soak: build fuzz ## run them and the fuzz targets for hours: tests that depend on timing are repeated
	go build -C hack/tools -o $(CURDIR)/bin/failures ./failures
	DINDCTL_SOAK=1 $(with-cluster) go test -tags e2e -count=1 -json -parallel 4 -timeout 4h ./e2e/... | bin/failures

.PHONY: matrix
matrix: build ## run the tests of an installation's life on several VERSIONS of Kubernetes; stops the cluster
	go build -C hack/tools -o $(CURDIR)/bin/ ./failures ./verdicts
	hack/tools/matrix '^Test(Life|Cycles|Adopt|SecondInstall|Drift|KilledAroundEachRequest|TLS|Check|Causes)' $(VERSIONS)

.PHONY: bench
bench: build ## compare install with kubectl and helm, builds with a daemon for each job, RUNS=5 times; bin/bench.json
	@kubectl=$$(cd hack/tools && go run ./client kubectl) && helm=$$(cd hack/tools && go run ./client helm) && \
	$(with-cluster) go run ./hack/bench -runs $(RUNS) -kubectl "$$kubectl" -helm "$$helm" -only "$(ONLY)" -json bin/bench.json

.PHONY: chart
chart: ## draw the build figures in bin/bench.json as hack/bench/builds.svg
	cd hack/tools && go run ./chart ../../bin/bench.json ../bench/builds.svg

.PHONY: prepare
prepare: ## only build what the cluster and bench need
	@test -n "$${KUBECONFIG_E2E:-}" || { cd hack/cluster && go run . build; }
	@cd hack/tools && go run ./client kubectl && go run ./client helm

.PHONY: test
test: ## run everything: lint, unit, fuzz, e2e on a cluster, bench once
	@hack/tools/test

.PHONY: release-check
release-check: ## build a release twice without publishing it, and try the packages, plugin and image in it
	hack/release/check

.PHONY: clean
clean: ## remove bin and dist; the caches outside the checkout stay
	rm -rf bin dist
