# Every command of this project. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Hundreds of processes are started: where a shell forbids bytecode, each would compile all of this anew.
unexport PYTHONDONTWRITEBYTECODE
LOCK := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header
PROTOS := proto/ess/v1/emergency_stop.proto proto/ess/v1/telemetry.proto

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("ess needs Python 3.11 or newer; set PYTHON=" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# Stamps say which lock file the environment was built from.
$(VENV)/.run: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run

.PHONY: install
install: $(VENV)/.run ## create .venv with the server, the venues and .venv/bin/ess

.PHONY: dev
dev: $(VENV)/.dev ## as install, with everything needed to change the code

.PHONY: run
run: install ## start a paper venue and a server on run/, and say what to type next
	@$(BIN)/python -m ess_server.demo.sandbox run examples/ess.toml

.PHONY: demo
demo: install ## crash, stop, kill in the middle, flat, reset: observed on real processes in a minute
	@$(BIN)/ess demo

.PHONY: lock
lock: dev ## resolve both lock files anew
	$(BIN)/$(LOCK) --extra server --extra venues --extra replay --group build pyproject.toml -o requirements.lock
	$(BIN)/$(LOCK) --extra server --extra venues --extra replay --group dev pyproject.toml -o requirements-dev.lock

.PHONY: proto
proto: dev ## regenerate the stubs in ess_client/pb
	$(BIN)/python -m grpc_tools.protoc -Iess_client/pb=proto/ess/v1 \
		--python_out=. --pyi_out=. --grpc_python_out=. $(PROTOS)

.PHONY: docs
docs: dev ## write what is made from the code: docs/configuration.md, the settings in the README
	$(BIN)/python docs/generate.py

.PHONY: docs-drift
docs-drift: dev ## the reference is that of the code
	$(BIN)/python docs/generate.py --check

.PHONY: lint
lint: dev ## style: ruff, formatting, protobuf
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/buf lint

.PHONY: format
format: dev ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: types
types: dev ## mypy, strict
	$(BIN)/mypy

.PHONY: imports
imports: dev ## imports point inwards, the core does no I/O, the client never needs the server
	$(BIN)/lint-imports

.PHONY: drift
drift: proto ## the committed stubs are those of proto/
	@git diff --exit-code -- ess_client/pb || (echo "ess_client/pb is not what proto/ generates: run make proto and commit"; exit 1)

# What users already generate stubs from; on main itself that is the commit before.
AGAINST ?= $(shell git rev-parse --verify -q HEAD~1)
.PHONY: breaking
breaking: dev ## no change of the contract breaks a client
	@if [ -n "$(AGAINST)" ]; then $(BIN)/buf breaking --against '.git#ref=$(AGAINST)'; else echo "no earlier commit to compare the contract with"; fi

.PHONY: check
check: lint types imports drift docs-drift breaking ## everything that reads the code without running it

.PHONY: test
test: dev ## every test, with branch coverage held at 100 % where a stop depends on it
	$(BIN)/pytest -n 3 --dist worksteal --cov --cov-report=term

# Peers to compare with: Debian's packages, which must not start as services.
PEERS := redis-server nats-server etcd-server
.PHONY: bench-peers
bench-peers:
	@dpkg -s $(PEERS) >/dev/null 2>&1 || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
		RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PEERS) >/dev/null; } || \
		echo "peers are not installed, which takes root and apt-get: apt-get install $(PEERS)"

SHORT ?=
.PHONY: bench
bench: dev bench-peers ## measure speed and cost beside Redis, NATS and etcd: one table, build/bench.json; ten minutes, SHORT=1 four
	@$(BIN)/python -m tests.bench $(if $(SHORT),--short)

ROUNDS ?= 100
.PHONY: kill
kill: dev ## kill -9 the server ROUNDS times with triggers and resets in flight and a gate watching
	ESS_KILL_ROUNDS=$(ROUNDS) $(BIN)/pytest tests/e2e/test_kill.py

MINUTES ?= 8
.PHONY: fault
fault: dev ## faults of every kind for MINUTES=8: kills, failing disks, power loss, cut networks, races, seeded bugs
	@$(BIN)/python -m tests.fault.run $(MINUTES)

.PHONY: fault-full
fault-full: dev ## every fault there is; half an hour on two cores
	@$(BIN)/python -m tests.fault.run --full

RUNS ?= 100
SEED ?= 20261122
.PHONY: fault-venues
fault-venues: dev ## RUNS=100 seeded flattens against venues that misbehave, judged by their own books; SEED repeats one
	@$(BIN)/python -m tests.fault.venues $(RUNS) $(SEED)

PASSES ?= 100000
.PHONY: simulate
simulate: dev ## ask every evaluator PASSES times over healthy days: nothing may trip; half a minute
	ESS_SIMULATED_PASSES=$(PASSES) $(BIN)/pytest --timeout 600 tests/simulate

.PHONY: deep
deep: dev ## explore every property and the state machine far and anew each time; half an hour
	ESS_HYPOTHESIS=deep $(BIN)/pytest -n 2 --dist worksteal --timeout 3600 -m hypothesis

# The tools that operators use, at fixed versions; the Go module proxy serves them.
GRPCURL := github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
HEALTH_PROBE := github.com/grpc-ecosystem/grpc-health-probe@v0.4.24
build/bin/grpcurl:
	GOBIN=$(CURDIR)/build/bin GOFLAGS=-mod=mod go install $(GRPCURL)
build/bin/grpc-health-probe:
	GOBIN=$(CURDIR)/build/bin GOFLAGS=-mod=mod go install $(HEALTH_PROBE)

.PHONY: test-tools
test-tools: dev build/bin/grpcurl build/bin/grpc-health-probe ## real grpcurl and grpc_health_probe against a real server
	$(BIN)/pytest tests/tools -p no:cacheprovider
