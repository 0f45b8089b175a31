# All set-up is done here, from the lock files, into .venv. Needs python3 (3.11 to 3.13) with venv, make and git.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO_DIR ?= .demo

.PHONY: demo test check check-static format lock bench clean

## demo: start the service with the demo estate, trigger an incident, print its diagnosis, serve until Ctrl-C
demo: $(VENV)/.runtime
	@rm -rf $(DEMO_DIR)
	@$(BIN)/plumbline up --demo --data-dir $(DEMO_DIR) --trigger kms-permission-removed

## test: run all tests that this machine can run; says what it skips and how to get it
test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n 2 --dist worksteal -rs

## check: format, lint, types, import contracts, then the tests
check: check-static test

check-static: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## format: put the code into its form
format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

## bench: measure webhook to diagnosis, acknowledgement, loading and comparing
bench: $(VENV)/.dev
	$(BIN)/python -m evals.benchmarks

## lock: resolve the dependencies again (needs uv)
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra build --extra postgres pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--all-extras -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) $(DEMO_DIR) build *.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "Plumbline needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$($(PYTHON) --version). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "No virtual environment could be made. On Debian or Ubuntu: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: $(VENV)/bin/python requirements.lock pyproject.toml
	@echo "Installing what the service needs, checked against requirements.lock ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python requirements-dev.lock pyproject.toml
	@echo "Installing what the tests need, checked against requirements-dev.lock ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime
