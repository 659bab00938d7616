# make help lists what there is. Everything a target needs beyond Go, Node, npm and apt it installs itself.

GO      ?= go
NODE    ?= node
NPM     ?= npm
PORT    ?= 3000
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# The Node versions of the matrix; each is an npm package with nothing but the binary in it.
NODE_MATRIX ?= 18.20.8 22.23.3 24.21.0
OS   := $(shell uname -s | tr A-Z a-z)
ARCH := $(subst x86_64,x64,$(subst aarch64,arm64,$(shell uname -m)))

SOURCES := $(shell find cmd engine procfile supervisor endpoints metrics internal js -type f \
	-not -path '*/node_modules/*' -not -path '*/testdata/*' 2>/dev/null) go.mod go.sum

.PHONY: help build npm test-npm reference run stop test test-go test-js test-all matrix zoo oracle loaders frameworks balancer chaos prometheus backends lint bench loss clean deps reporters

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

build: bin/pandora ## build bin/pandora, one static binary

npm: ## pack the npm packages into bin/npm, for all platforms
	$(NODE) js/npm/pack.js --version $(VERSION) --out bin/npm

bin/pandora: $(SOURCES)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $@ ./cmd/pandora

deps: examples/express/node_modules/.installed js/node_modules/.installed .cache/apps/.installed .cache/clients/.installed ## install the npm packages of examples and tests

examples/express/node_modules/.installed: examples/express/package-lock.json
	cd examples/express && $(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

js/node_modules/.installed: js/package-lock.json
	cd js && $(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

# The applications of the matrix; install scripts only build what they run without.
.cache/apps/.installed: cmd/pandora/testdata/apps/package-lock.json
	mkdir -p .cache/apps
	cp cmd/pandora/testdata/apps/package.json cmd/pandora/testdata/apps/package-lock.json .cache/apps/
	cd .cache/apps && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The packages that applications of Pandora.js depend on.
.cache/clients/.installed: cmd/pandora/testdata/clients/package-lock.json
	mkdir -p .cache/clients
	cp cmd/pandora/testdata/clients/package.json cmd/pandora/testdata/clients/package-lock.json .cache/clients/
	cd .cache/clients && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.cache/midway/.installed: cmd/pandora/testdata/midway/package-lock.json
	mkdir -p .cache/midway
	cp cmd/pandora/testdata/midway/package.json cmd/pandora/testdata/midway/package-lock.json .cache/midway/
	cd .cache/midway && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

run: bin/pandora examples/express/node_modules/.installed ## start the express example and show what it answers
	@PORT=$(PORT) sh examples/run.sh

stop: ## stop everything that `make run` started
	@bin/pandora stop express-example

test: deps test-go test-js ## all tests that need one Node version (at most ten minutes)

# The race detector needs cgo and a C compiler. A process built with it sleeps a second as it exits, unless it is told not to.
# The tests of cmd/pandora start hundreds of processes: they run when the other packages are through.
RACE := GORACE=atexit_sleep_ms=10 CGO_ENABLED=1 $(GO) test -race -timeout 25m
# Under CI what fails is run once more, aloud: both results are in the output, and a second failure counts.
twice = $(1) || { test "$$CI" = true || exit 1; echo "== failed, and is run once more"; $(1) || exit 1; }
test-go: deps
	@command -v $${CC:-cc} >/dev/null || { echo "installing a C compiler for the race detector"; apt-get update -qq && apt-get install -y -qq gcc libc6-dev; }
	@test "$$CI" != true || command -v systemd-analyze >/dev/null || { echo "installing systemd-analyze, which reads the boot units"; apt-get update -qq && apt-get install -y -qq --no-install-recommends systemd; }
	$(call twice,$(RACE) $$($(GO) list ./... | grep -v /cmd/pandora$$))
	$(call twice,$(RACE) ./cmd/pandora)

test-js: deps
	$(NODE) --test js/test/*.test.js

test-npm: deps ## a project of Pandora.js 1.x moves to the npm package, from the packed files
	$(NODE) js/npm/pack.js --version $(VERSION) --out .cache/npm --targets $(OS)-$(ARCH)
	$(GO) test -count=1 -tags slow -timeout 5m -v -run 'TestNpmPackage' ./cmd/pandora

ALL := test-npm matrix loaders frameworks zoo oracle reporters backends chaos prometheus balancer
test-all: test ## test, the npm package, the examples on every Node version of the matrix, loaders of TypeScript, what init writes for large frameworks, the package zoo, the original, receivers of reporters, servers that health checks are for, chaos, and a Prometheus server
	@set -e; for part in $(ALL); do $(call twice,$(MAKE) $$part); done

# A package of a server would start it where there is an init.
prometheus: deps ## a real Prometheus server scrapes an application through ten reloads
	@test "$$CI" != true || command -v prometheus >/dev/null || { echo "installing prometheus"; apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus; }
	$(GO) test -count=1 -tags slow -timeout 5m -v -run 'TestPrometheusScrapes$$' ./cmd/pandora

backends: ## the built-in health checks on a real MariaDB, a real Redis and a real gRPC server
	@test "$$CI" != true || { { command -v mariadbd || test -x /usr/sbin/mariadbd; } && command -v redis-server; } >/dev/null || { echo "installing mariadb-server and redis-server"; apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mariadb-server redis-server; }
	$(GO) test -count=1 -tags slow -timeout 5m -v -run 'TestReal' ./endpoints

balancer: deps ## a real HAProxy before an application, by its readiness and its health
	@test "$$CI" != true || command -v haproxy >/dev/null || { echo "installing haproxy"; apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends haproxy; }
	$(GO) test -count=1 -tags slow -timeout 5m -v -run 'TestHAProxy$$' ./cmd/pandora

chaos: deps ## random faults: tens of thousands of walks in virtual time, then real processes under load
	$(GO) test -count=1 -tags slow -timeout 15m -run 'TestManySupervisorWalks|TestTwoHundredCrashes|TestRotationLosesNoLineLong' ./supervisor
	$(GO) test -count=1 -tags slow -timeout 15m -v -run 'TestChaos|TestFullDisk|TestNoProcesses' ./cmd/pandora

oracle: .cache/peers/.installed .cache/clients/.installed ## hold every golden procfile and the recorded packages against the original
	$(GO) test -count=1 -tags oracle -run TestOriginal ./procfile/evaluate
	$(GO) test -count=1 -tags oracle -run TestPackagesRecorded ./engine
	$(GO) test -count=1 -tags oracle -run TestOriginal ./cmd/pandora
	$(NODE) --test js/test/node-services-original.test.js

matrix: deps .cache/midway/.installed $(foreach v,$(NODE_MATRIX),.cache/node/$(v)/.installed) ## the examples, and http, express, koa, fastify, nest, egg, midway, ws, http2, net and dgram, on every Node version
	PANDORA_MATRIX=1 $(GO) test -count=1 -timeout 15m -v -run 'TestMatrix$$' ./cmd/pandora
	@set -e; for v in $(NODE_MATRIX); do \
		echo "== Node $$v"; bin=$(CURDIR)/.cache/node/$$v/node_modules/node-$(OS)-$(ARCH)/bin; \
		PATH=$$bin:$$PATH PANDORA_TEST_NODE=$$v CGO_ENABLED=1 $(GO) test -race -count=1 -timeout 15m -run TestScripts/examples ./cmd/pandora; \
		PATH=$$bin:$$PATH PANDORA_MATRIX=1 $(GO) test -count=1 -timeout 15m -v -run 'TestMatrix$$' ./cmd/pandora; \
		PATH=$$bin:$$PATH $(GO) test -count=1 -timeout 10m ./internal/nodeipc ./internal/nodecluster; \
		PATH=$$bin:$$PATH $(GO) test -count=1 -timeout 10m -run 'TestGolden$$' ./procfile/evaluate; \
		PATH=$$bin:$$PATH node --test js/test/*.test.js; \
	done

.cache/loaders/.installed: cmd/pandora/testdata/loaders/package-lock.json
	mkdir -p .cache/loaders
	cp cmd/pandora/testdata/loaders/package.json cmd/pandora/testdata/loaders/package-lock.json .cache/loaders/
	cd .cache/loaders && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

STATSD_EXPORTER ?= v0.28.0
VICTORIA_METRICS ?= v1.102.1
reporters: deps ## what reporters send is received by a real collectd, Prometheus' statsd_exporter and VictoriaMetrics
	@command -v collectd >/dev/null || test -x /usr/sbin/collectd || { test "$$CI" != true || { apt-get update -qq && apt-get install -y -qq --no-install-recommends collectd-core; }; }
	@test -x .cache/bin/statsd_exporter || GOBIN=$(CURDIR)/.cache/bin $(GO) install github.com/prometheus/statsd_exporter@$(STATSD_EXPORTER)
	@test -x .cache/bin/victoria-metrics || GOBIN=$(CURDIR)/.cache/bin $(GO) install github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics@$(VICTORIA_METRICS)
	$(GO) test -count=1 -tags slow -timeout 5m -v -run 'TestCollectd|TestStatsdExporter|TestVictoriaMetrics' ./metrics/report

loaders: .cache/loaders/.installed $(foreach v,$(NODE_MATRIX),.cache/node/$(v)/.installed) ## entries and services in TypeScript and as ES modules, with ts-node and tsx, on every Node version
	$(GO) test -count=1 -tags slow -timeout 5m -run 'TestLoaders$$' ./cmd/pandora
	@set -e; for v in $(NODE_MATRIX); do \
		echo "== Node $$v"; PATH=$(CURDIR)/.cache/node/$$v/node_modules/node-$(OS)-$(ARCH)/bin:$$PATH \
			$(GO) test -count=1 -tags slow -timeout 5m -run 'TestLoaders$$' ./cmd/pandora; \
	done

# Next's compiler is an optional package; nothing here has an install script that it needs.
.cache/frameworks/.installed: cmd/pandora/testdata/frameworks/package-lock.json
	mkdir -p .cache/frameworks
	cp cmd/pandora/testdata/frameworks/package.json cmd/pandora/testdata/frameworks/package-lock.json .cache/frameworks/
	cd .cache/frameworks && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

frameworks: .cache/frameworks/.installed .cache/midway/.installed ## next, midway 3 and midway 1, built, and started with what init writes for them
	$(GO) test -count=1 -tags slow -timeout 10m -v -run 'TestInitNext$$|TestInitNextDev$$|TestInitMidway$$' ./cmd/pandora

.cache/node/%/.installed:
	mkdir -p .cache/node/$*
	$(NPM) install --prefix .cache/node/$* --no-audit --no-fund --no-save --loglevel=error node-$(OS)-$(ARCH)@$*
	@touch $@

zoo: .cache/zoo/.installed ## load well-known packages in Goja and compare what they export with Node
	PANDORA_ZOO=$(CURDIR)/.cache/zoo $(GO) test -tags zoo -count=1 -run TestZoo -timeout 10m -v ./engine

# Install scripts only build or fetch programs that loading does not need.
.cache/zoo/.installed: engine/testdata/zoo/package-lock.json
	mkdir -p .cache/zoo
	cp engine/testdata/zoo/package.json engine/testdata/zoo/package-lock.json .cache/zoo/
	cd .cache/zoo && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

reference: ## write docs/reference.md anew, from the code
	PANDORA_UPDATE=1 $(GO) test -count=1 -run 'TestReference$$' ./cmd/pandora

lint: deps ## vet for linux and macOS, gofmt, JavaScript types
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	GOOS=darwin $(GO) vet ./...
	$(GO) vet -tags zoo,oracle ./engine ./procfile/evaluate ./cmd/pandora
	$(GO) vet -tags slow ./supervisor ./metrics/report ./endpoints ./cmd/pandora
	cd js && npx tsc -p . && npx tsc -p types

bench: bin/pandora .cache/peers/.installed examples/express/node_modules/.installed ## time and memory beside PM2, the original and bare Node
	@$(GO) run ./internal/bench

loss: bin/pandora .cache/peers/.installed ## requests lost by reloads, crashes and kills, beside PM2, the original and Node's cluster
	@$(GO) run ./internal/bench -only loss

.cache/peers/.installed:
	mkdir -p .cache/peers
	$(NPM) install --prefix .cache/peers --no-audit --no-fund --no-save --loglevel=error pm2@7.0.4 pandora@1.11.0 dorapan@1.0.5 read-last-lines@1.4.0
	@touch $@

clean: ## remove what was built and installed
	rm -rf bin .cache js/node_modules examples/*/node_modules
