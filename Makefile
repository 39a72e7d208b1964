# Everything that people and CI type. Each target sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SEED ?= 0
DEMO ?= build/demo
# Programs that only the slow tests use; outside the repository.
export GOBIN ?= $(HOME)/.cache/fashiontrend/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test check test-unit test-slow bench-serve tools schema clean

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

test: check test-unit ## Lint, types, layers, unit tests and short integration (under ten minutes)
	$(BIN)/python -m pytest -q -m "ray and not slow"

check: setup ## Lint, types and import layers only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-unit: setup ## Unit tests: no Ray, no network, under a minute
	$(BIN)/python -m pytest -q -m "not ray and not slow"

test-slow: setup ## Real parts: loop-backs, killed drivers, S3 servers
	$(BIN)/python -m pytest -q -m slow

bench-serve: setup ## The server beside a hand-written one and the bare model (idle machine, 15 minutes)
	$(BIN)/python bench/serve.py $(BENCH)
	$(BIN)/python bench/hard.py $(HARD)

tools: ## Install the real S3 server of the slow tests (needs Go)
	go install github.com/versity/versitygw/cmd/versitygw@v1.7.0

schema: setup ## Print the JSON Schema of the configuration
	$(BIN)/fashiontrend config schema

clean: ## Remove what demo and tests wrote; the environment stays
	rm -rf build
