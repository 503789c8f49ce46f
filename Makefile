# Every target does its own set-up; a second run is fast. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
CODE := stashgen controller tests tools
DEMO_FLAGS := $(if $(KEEP),--keep)
CORES := $(shell getconf _NPROCESSORS_ONLN)
# Tests beside each other, the long ones first; many only wait. ARGS=-n0 runs them one by one.
BESIDE = -n $(1) --dist load --maxschedchunk 1
# The same where tests share what takes long to start: these are not torn apart.
SCOPES = -n $(1) --dist loadscope
# Tests start Python hundreds of times: without caches each start compiles its modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint check fix contract image cluster cluster-down e2e bench lock manifests shapes clean

help:  ## Show this list.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.complete  ## Create the virtual environment from the pinned dependencies.

.venv/.complete: tools/requirements/dev.txt pyproject.toml controller/pyproject.toml
	@tools/make_venv.sh $(PYTHON) .venv

demo: setup  ## Back up, lose and restore real data on the embedded cluster (KEEP=1 leaves it running).
	@restic=$$($(BIN)/python tools/go/build.py restic); PATH="$$restic:$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tools.demo $(DEMO_FLAGS)

test: setup  ## Run all tests that need only Python, git and restic.
	@restic=$$($(BIN)/python tools/go/build.py restic); PATH="$$restic:$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest $(call BESIDE,$$((2 * $(CORES)))) $(ARGS)

lint: setup  ## Check format, lint, types and import contracts.
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

check: lint  ## Run before each commit: lint, then unit, golden and contract tests.
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -q $(call BESIDE,$(CORES)) tests/unit tests/golden tests/contract $(ARGS)

fix: setup  ## Format the code and apply the linter's fixes.
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

contract: setup  ## Test the API against the embedded cluster and a real kube-apiserver, buckets against a real S3 server, alerts with promtool.
	@programs=$$($(BIN)/python tools/go/build.py etcd helm kubernetes kubeconform kustomize prometheus restic versitygw | paste -sd:); PATH="$$programs:$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest $(call SCOPES,$$((3 * $(CORES)))) tests/api_contract $(ARGS)

cluster:  ## Start a real one-node Kubernetes (needs root, Debian, Go) and print how to reach it.
	@$(PYTHON) -m tools.cluster up

cluster-down:  ## Stop that Kubernetes and remove all of it.
	@$(PYTHON) -m tools.cluster down

image: setup  ## Build the image of controller and worker with buildah, without a container engine.
	@$(BIN)/python -m tools.image

e2e: setup  ## Run the tests that need a real cluster, then take it down (KEEP=1 leaves it running).
	@$(PYTHON) -m tools.cluster up
	@programs=$$($(PYTHON) tools/go/build.py kubernetes restic versitygw | paste -sd:); export PATH="$$programs:$(CURDIR)/$(BIN):$$PATH"; \
	$(if $(ARGS),$(BIN)/python -m pytest tests/cluster $(ARGS),$(BIN)/python -m pytest $(call SCOPES,3) tests/cluster -m 'not alone'; $(BIN)/python -m pytest tests/cluster -m alone)
	@$(if $(KEEP),,$(PYTHON) -m tools.cluster down)

bench: setup  ## Measure side by side with bare restic and bare requests; JSON lines (ARGS="controller --sessions 500").
	@programs=$$($(BIN)/python tools/go/build.py etcd helm kubernetes kustomize restic | paste -sd:); PATH="$$programs:$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.bench $(ARGS)

manifests: setup  ## Generate the CRDs, the Addon and the Functions from the models.
	@$(BIN)/python tools/manifests.py

shapes: setup  ## Generate the types of Kubernetes that the CRDs consist of (needs Go).
	@$(BIN)/python -m tools.kubernetes_shapes

lock: setup  ## Pin the newest dependencies, with hashes and without addresses.
	@tools/lock.sh

clean:  ## Remove the virtual environment and caches of this checkout.
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
