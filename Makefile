# `make lab` opens the course; `make test` proves it. Each sets up what it needs, in .venv.
# Python 3.11 or newer and pip are enough; where uv is on the PATH it is used, else pip brings it.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(or $(shell command -v uv 2>/dev/null),$(BIN)/uv)
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.14 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

# A worker for each core, up to four; each file whole and in turn.
PYTEST_ARGS ?= --cov=payments_lab -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder tests $(wildcard notebooks)
NOTEBOOKS ?= $(sort $(wildcard notebooks/*.ipynb))

.PHONY: help setup lab test lint bench soak swarm kills notebooks lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## the environment in .venv, from the lock
	@echo "Ready in $(VENV). Next: make lab, or make test."

lab: $(READY) ## open JupyterLab at the course; LAB_ARGS="--no-browser --port 8900"
	@$(BIN)/payments-lab lab $(LAB_ARGS)

test: lint ## every check, every test and every notebook; PYTEST_ARGS="tests/shop" for some
	$(BIN)/python -m pytest --nbval --nbval-current-env $(PYTEST_ARGS)

lint: $(READY) ## style, types, and the arrows between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-logo

bench: $(READY) ## each figure beside its peer, into benchmarks/results.json; BENCH_ARGS="--only import" for one
	@$(BIN)/python -m benchmarks.run $(BENCH_ARGS)

soak: $(READY) ## the memory of the payments service over 100,000 payments, in ten minutes; SOAK_ARGS="--payments 20000"
	@$(BIN)/python -m benchmarks.soak $(SOAK_ARGS)

swarm: $(READY) ## ten thousand short lives of the shop under chaos; SWARM_ARGS="--lives 100 --seed 7"
	@$(BIN)/payments-lab swarm $(SWARM_ARGS)

kills: $(READY) ## 2,000 orders on real brokers while services and brokers are killed; make test does the same with 300
	PAYMENTS_LAB_KILL_ORDERS=2000 $(BIN)/python -m pytest -q tests/distributed

notebooks: $(READY) ## run the notebooks again and save their outputs; NOTEBOOKS=notebooks/00-welcome.ipynb for one
	PAYMENTS_LAB_PROGRESS= $(BIN)/python -m nbconvert --config .ci/notebooks.py $(NOTEBOOKS)

lock: $(READY) ## write both requirements.lock anew from pyproject.toml; LOCK_ARGS=--upgrade for newer versions
	$(UV) pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links $(LOCK_ARGS) pyproject.toml --output-file requirements.lock
	$(UV) pip compile --quiet --universal --python-version 3.11 --extra web --extra nats --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links --constraint requirements.lock pyproject.toml \
		--output-file deploy/requirements.lock

$(READY): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found: install it, or name it, PYTHON=..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
		echo "trying without ensurepip"; $(PYTHON) -m venv --clear --without-pip $(VENV) \
		&& $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	@test -x "$(UV)" || { awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements.lock > $(VENV)/uv.txt \
		&& $(BIN)/python -m pip install --quiet --require-hashes --no-deps -r $(VENV)/uv.txt; }
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock \
		|| $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)
