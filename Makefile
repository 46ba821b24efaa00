# Every command of this project. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
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

.PHONY: lock
lock: dev ## resolve both lock files anew
	$(BIN)/$(LOCK) --extra server --extra venues --group build pyproject.toml -o requirements.lock
	$(BIN)/$(LOCK) --extra server --extra venues --group dev pyproject.toml -o requirements-dev.lock

.PHONY: proto
proto: dev ## regenerate the stubs in ess_client/pb
	$(BIN)/python -m grpc_tools.protoc -Iess_client/pb=proto/ess/v1 \
		--python_out=. --pyi_out=. --grpc_python_out=. $(PROTOS)
