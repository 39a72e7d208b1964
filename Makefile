# Everything that people and CI type. Each target sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SEED ?= 0
DEMO ?= build/demo
# Programs that only the slow tests use; outside the repository.
export GOBIN ?= $(HOME)/.cache/fashiontrend/bin

# Beside another process of pytest on two cores, a second thread only waits for the first.
ONE_THREAD := OMP_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help setup demo test check check-alerts dashboards test-unit test-ray test-slow test-tools drills bench bench-device bench-serve bench-series tools reference schema clean

help: ## Print this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name one with PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar on -c constraints.txt -e '.[dev]'
	@touch $@

setup: $(BIN)/.ready ## Create the environment (once; about 6 GB)

demo: setup ## The whole loop on a small drawn world: pages to keywords (about ten minutes)
	$(BIN)/fashiontrend demo --seed $(SEED) --folder $(DEMO)

# Types are checked by one core, and Ray's workers leave one idle while they start.
test: setup ## Lint, types, layers, unit tests and short integration (under five minutes)
	$(MAKE) --no-print-directory -j 2 --output-sync check test-ray
	$(MAKE) --no-print-directory test-unit

test-ray: setup ## Short integration: one real Ray, small drawn world
	$(BIN)/python -m pytest -q -m "ray and not slow"

check: setup ## Lint, types and import layers only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-unit: setup ## Unit tests: no Ray, no network, under two minutes
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not ray and not slow and not deploy"

test-slow: setup ## Real parts: loop-backs, killed drivers, S3 servers; of each drill a few cases
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n 2 --dist loadfile -m "slow and not ray"
	$(BIN)/python -m pytest -q -m "slow and ray"

drills: setup ## Every case of the drills, at its whole size: each kill, seed and example (an hour; needs make test-tools)
	FASHIONTREND_DRILLS=all $(BIN)/python -m pytest -q -m drill

bench: setup ## Training and recognition beside bare baselines, as ratios; peak memory (idle machine, 12 minutes)
	$(BIN)/python -m bench.training
	$(BIN)/python -m bench.recognition
	$(BIN)/python -m bench.memory

bench-device: setup ## What a device trains on and recognises, and how many cores feed it (DEVICE="--device cuda")
	$(BIN)/python -m bench.device $(DEVICE)

bench-serve: setup ## The server beside a hand-written one and the bare model; hard times (idle machine, 15 minutes)
	$(BIN)/python -m bench.serve $(BENCH)
	$(BIN)/python -m bench.hard --plot docs/serve-scaling.svg $(HARD)

bench-series: setup ## How forecasting grows with the number of series, measured and drawn (five minutes)
	$(BIN)/python -m bench.series_scale --plot docs/series-scale.svg

tools: deploy-tools test-tools ## Install the real programs that tests use: S3 server, helm, promtool, ... (needs Go)

test-tools: $(GOBIN)/promtool $(GOBIN)/versitygw ## Those of `make tools` that make test, test-slow and drills use

# Its package needs other versions of many libraries than ours. It is large, so it is not among the tools.
.PHONY: label-studio
label-studio: ## Label Studio in an environment of its own, for the slow test of labels (5 minutes)
	$(PYTHON) -m venv build/label-studio
	build/label-studio/bin/python -m pip install --disable-pip-version-check --quiet --progress-bar off label-studio==1.23.2

$(GOBIN)/versitygw:
	go install github.com/versity/versitygw/cmd/versitygw@v1.8.0

# Its go.mod excludes versions, which `go install ...@version` refuses: it is built in its own folder.
$(GOBIN)/promtool:
	go -C "$$(go mod download -json github.com/prometheus/prometheus@v0.307.0 | $(PYTHON) -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')" \
		build -o $@ ./cmd/promtool

# The chart's development S3, for its conditional writes; a large build, so not among the tools.
.PHONY: weed
weed: ## Build SeaweedFS for the S3 tests (needs Go, ten minutes)
	go -C "$$(go mod download -json github.com/seaweedfs/seaweedfs@v0.0.0-20261109003541-7506e5f91cd6 | $(PYTHON) -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')" \
		build -o $(GOBIN)/weed ./weed

check-alerts: setup $(GOBIN)/promtool ## Alert rules and their unit tests, by promtool
	$(GOBIN)/promtool check rules helm/fashiontrend/files/alerts.yaml
	cd monitoring && $(GOBIN)/promtool test rules alerts_test.yaml budgets_test.yaml
	$(BIN)/python -m pytest -q tests/exporter -m "not slow"

dashboards: setup ## Write the Grafana dashboards anew from monitoring/
	$(BIN)/python -m monitoring.dashboards

.PHONY: deploy-tools check-deploy check-cluster render chart-docs pin closed-network demo-values
deploy-tools: $(GOBIN)/kube-linter
	go install helm.sh/helm/v4/cmd/helm@v4.2.4
	go install github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0
	go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
	go install github.com/norwoodj/helm-docs/cmd/helm-docs@v1.14.2
	go install github.com/google/go-containerregistry/cmd/crane@v0.20.6

# Its module's own host is not on every proxy's list; the repository is.
$(GOBIN)/kube-linter:
	folder=$$(mktemp -d) && cd $$folder && go mod init tool && \
	go mod edit -require golang.stackrox.io/kube-linter@v0.8.3 \
	  -replace golang.stackrox.io/kube-linter=github.com/stackrox/kube-linter@v0.8.3 && \
	printf 'package tool\nimport _ "golang.stackrox.io/kube-linter/pkg/command/root"\n' > tool.go && \
	GOFLAGS=-mod=mod go build -o $@ golang.stackrox.io/kube-linter/cmd/kube-linter

check-deploy: setup ## The chart before helm, kubeconform, kube-linter (needs make tools, Go and KUBERAY_CRDS or its module)
	$(BIN)/python -m tests.deploy.schemas $(dir $(GOBIN))schemas
	DEPLOY_TOOLS=required DEPLOY_CACHE=$(patsubst %/,%,$(dir $(GOBIN))) $(BIN)/python -m pytest -q tests/deploy

check-cluster: setup ## A release's whole life on the cluster of KUBECONFIG (needs kubectl; tests/deploy/cluster.py says more)
	CLUSTER=required DEPLOY_CACHE=$(patsubst %/,%,$(dir $(GOBIN))) $(BIN)/python -m pytest -v tests/deploy/test_node.py $(NODE)

render: setup ## Write values.schema.json and k8s/base from configuration and chart
	$(BIN)/python helm/schema.py
	$(BIN)/python helm/render.py $(GOBIN)/helm

chart-docs: ## Write the chart's README from its values
	$(GOBIN)/helm-docs --chart-search-root=helm --sort-values-order=file

pin: setup ## Resolve the images' digests where a registry is reachable: make pin VALUES=my.yaml > digests.yaml
	@$(BIN)/python helm/pin.py $(GOBIN)/crane $(VALUES)

closed-network: setup ## List what an installation without internet needs: make closed-network VALUES=my.yaml
	@$(BIN)/python helm/closed_network.py $(VALUES)

demo-values: setup ## Write the demo's values for the chart
	@{ echo '# The values of the demo in a cluster: its three shops are those of demo-shops.yaml, its labels are drawn from seed 0.'; \
	echo '# Written by `make demo-values`; do not edit.'; $(BIN)/fashiontrend demo --values shops; } > k8s/demo-values.yaml

reference: setup ## Write docs/reference and tests/settings.txt from the settings, commands and routes
	$(BIN)/python -m docs.pages

schema: setup ## Print the JSON Schema of the configuration
	$(BIN)/fashiontrend config schema

clean: ## Remove what demo and tests wrote; the environment stays
	rm -rf build
