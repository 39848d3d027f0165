# Two commands matter: `make run` and `make test`. Both set themselves up on a machine with Python 3.11+, git and make.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SOURCES := bot handlers policy actions copilot storage local_slack tests bench

.DEFAULT_GOAL := help
.PHONY: help run test mutants check bench lock clean

help:
	@echo "make run    start Countersign (without Slack tokens: with a local Slack and its own database)"
	@echo "make test   run the whole test suite"
	@echo "make mutants  plant small faults in the gate, one at a time; the tests must notice each (an hour or two)"
	@echo "make check  lint, types, import contracts, policy cases"
	@echo "make bench  measure (minutes; see docs/performance.md)"
	@echo "make lock   pin the newest versions that pyproject.toml admits"

run: .venv/run.stamp
	@$(BIN)/countersign run

test: .venv/dev.stamp
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(TESTS)

mutants: .venv/dev.stamp
	$(BIN)/python -m tests.mutation $(ARGS)

check: .venv/dev.stamp
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/countersign policy check

bench: .venv/dev.stamp
	$(BIN)/python -m bench $(ARGS)

# Both locks are by hash; the project itself is installed without looking anything up.
.venv/run.stamp: requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing what Countersign needs (once)…"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: requirements-dev.lock .venv/run.stamp
	@echo "Installing what the tests need (once)…"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Countersign needs Python 3.11 or newer: install it, or run make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing: on Debian and Ubuntu, apt install python3-venv"; rm -rf .venv; exit 1; }

lock: .venv/dev.stamp
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--upgrade --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--group build --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
