# The one list of commands. Each of them sets up what it needs first; `make setup PYTHON=python3.12`
# takes another Python (3.11 or later).

PYTHON ?= python3
FAULT ?= errors
BROKER ?= tansu
ROUTER ?= envoy
DASHBOARD ?= 1
ARGS ?=

UV_VERSION := 0.13.9
BIN := .venv/bin
UV := .venv/tools/bin/uv
READY := .venv/.ready
LOOK := .venv/.demo

.DEFAULT_GOAL := help
.PHONY: help setup sbom audit lock rigs demo test test-kube lint failover style types walls spelling evolution format bench load soak statistics figures docs chart sizing

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: $(READY) ## Make .venv with the locked dependencies and davy itself

# The environment with these parts of the lock, or with all of it. uv lives in a folder of its own, so that
# the environment holds what the lock names and no more.
define environment
	@$(PYTHON) -c 'import sys; v = sys.version_info; v < (3, 11) and sys.exit("davy needs Python 3.11 or later; this is %d.%d: make setup PYTHON=..." % v[:2])'
	@test -x $(BIN)/python && test "$$($(BIN)/python -V)" = "$$($(PYTHON) -V)" || $(PYTHON) -m venv --clear --without-pip .venv
	@test -x $(UV) || { $(PYTHON) -m venv .venv/tools && .venv/tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); }
	$(if $(1),@$(PYTHON) infra/packages/subset.py $(1) >.venv/part.lock)
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes $(if $(1),.venv/part.lock,requirements.lock)
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
endef

$(READY): requirements.lock pyproject.toml
	$(call environment)

# Who only looks at the demo need not wait for what developers need.
$(LOOK): requirements.lock pyproject.toml infra/packages/subset.py
	$(call environment,server demo hatchling editables)

lock: $(READY) ## Resolve the dependencies anew (ARGS=--upgrade for newer versions)
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --all-extras --group dev pyproject.toml --output-file requirements.lock $(ARGS)

rigs: $(READY) ## Fetch and build the real parts that tests run on, ahead of them (Java, Maven, Go; ARGS=kafka: only these)
	$(BIN)/python -m infra.rigs.fetch $(ARGS)

demo: $(if $(or $(wildcard $(READY)),$(filter-out envoy,$(ROUTER))),$(READY),$(LOOK)) ## Show the main job: one rollout promoted, one rolled back (FAULT=errors|slow|drift|accuracy|conversion, BROKER=tansu|kafka, ROUTER=envoy|istio, DASHBOARD=0: no page, ARGS=--no-stay: it ends with the story)
	@$(BIN)/python -m streams.demo --fault $(FAULT) --broker $(BROKER) --router $(ROUTER) --dashboard $(DASHBOARD) $(ARGS)

test: $(READY) ## Run all tests but those on Kubernetes; a missing part is a skip that says so (ARGS='-k name')
	$(BIN)/pytest -n 4 --durations 10 -m "not kube" $(ARGS)

test-kube: $(READY) ## Run the tests on a real Kubernetes API server and its controllers (Go and etcd)
	$(BIN)/pytest -n 2 --durations 10 -m kube $(ARGS)

bench: $(READY) ## Measure davy beside its peers, in turn (ARGS='--only contest': only these); writes build/bench.json
	$(BIN)/python -m tests.benchmarks $(ARGS)

load: $(READY) ## Measure backlogs, floods and a restart on Apache Kafka (ARGS=--full: 50 million events); writes build/load.json
	$(BIN)/python -m tests.load $(ARGS)

soak: $(READY) ## Kill, cut and freeze parts on real Kafka, and count every event again; writes build/soak.json
	$(BIN)/python -m tests.soak $(ARGS)

failover: $(READY) ## Kill an actuator and a judge between any two steps (ARGS='--every 10' for fewer); writes build/failover.json
	$(BIN)/python -m tests.failover $(ARGS)

statistics: $(READY) ## Simulate every bar of the statistics at 10^4 streams; writes build/statistics.json and .html
	$(BIN)/python -m tests.statistics $(ARGS)

figures: $(READY) ## Write the newest measurements, and what the code says of itself, into the READMEs
	$(BIN)/python -m infra.docs.figures

docs: $(READY) ## Make every generated figure, table and schema page anew (ARGS=--check: only tell what is stale)
	$(BIN)/python -m infra.docs.everything $(ARGS)

chart: $(READY) ## Write what the Helm chart and its plain manifests take from the code (Go, for Helm)
	$(BIN)/python -m infra.docs.chart

sizing: $(READY) ## Work out infra/sizing.md from the newest measurements (ARGS='--events 30000 --window 6h': one load)
	$(BIN)/python -m infra.docs.sizing $(ARGS)

sbom: $(READY) ## Write of what davy is made, with licences and hashes: build/sbom.json
	$(BIN)/python -m infra.packages.sbom

audit: $(READY) ## Compare the environment with the lock, and ask for known faults where that can be asked
	$(BIN)/python -m infra.packages.audit

lint: $(READY) ## Style, types, walls between rooms, spelling, schemas: everything that is wrong at once
	@$(MAKE) --keep-going --no-print-directory style types walls spelling evolution

style: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases --exclude /test_ infra/rigs infra/peers infra/docs infra/readers tests/conftest.py tests/benchmarks

walls: $(READY)
	$(BIN)/lint-imports

spelling: $(READY)
	$(BIN)/codespell

evolution: $(READY)
	$(BIN)/davy schemas check

format: $(READY) ## Put the code in the house style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
