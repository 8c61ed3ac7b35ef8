.DEFAULT_GOAL := help
# What .ci/setup installs for itself is found here.
export PATH := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pgfeed/bin:$(PATH)

.PHONY: help demo test test-go test-web test-e2e test-container test-kubernetes test-versions test-docs build image web generate lint fmt ci setup

# Of `make image`.
IMAGE ?= pgfeed

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Start a database, two tenants and the page, and print its address; Ctrl-C stops all
	@.ci/setup postgres
	go run ./cmd/pgfeed demo

test: test-go test-kubernetes test-web test-e2e test-container ## Run all tests, on a real PostgreSQL, in a browser, on a container

test-go: ## Run the Go tests with the race detector
	@.ci/setup compiler postgres psql pgbouncer promtool proxies
	go test -race -count=1 -timeout 20m ./... # a result in the cache may be of another program: many tests build and start pgfeed

test-docs: ## Run the commands that README and docs show
	@.ci/setup compiler postgres psql
	go test -race ./docs/

test-web: ## Run the unit tests of web/
	@.ci/setup web
	cd web && npm test

test-e2e: ## Run the tests in Chromium
	@.ci/setup postgres psql web browser
	cd web && npm run e2e

test-container: ## Run the tests that need containers, where an engine can be had
	@.ci/container

test-kubernetes: ## Render the Kubernetes manifests and hold them against Kubernetes' types and the gateway
	cd deploy/kubernetes/test && go test -count=1 ./...

test-versions: ## Run the tests that touch SQL on PostgreSQL 14 to 18, from npm
	@.ci/postgres-versions

build: ## Build bin/pgfeed
	go build -trimpath -o bin/pgfeed ./cmd/pgfeed

image: ## Build the image pgfeed (IMAGE=…) with a binary compiled here; no image is pulled
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/image/pgfeed ./cmd/pgfeed
	mkdir -p bin/image/etc/ssl/certs
	cp $(firstword $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem)) bin/image/etc/ssl/certs/ca-certificates.crt
	docker build -f deploy/Dockerfile --target prebuilt -t $(IMAGE) .

web: ## Build web/dist, which the binary embeds
	@.ci/setup web
	cd web && npm run build

generate: ## Make generated files anew
	go generate ./...

lint: ## Check the Go and web sources
	@.ci/setup web lint
	golangci-lint run
	cd web && npm run lint && npm run format:check

fmt: ## Format the Go and web sources
	@.ci/setup web lint
	golangci-lint fmt
	cd web && npm run format

ci: ## Run all that has to hold before a change goes in
	@.ci/run

setup: ## Install what is missing, and say so
	@.ci/setup
