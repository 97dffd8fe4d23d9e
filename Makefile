# The project's commands. Only Python 3.11+ and make are needed; everything else is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

.PHONY: help migrate test test-debian lint check format bench-smoke clean

help: ## Show these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

migrate: $(VENV)/.installed ## Migrate the database of DATABASE_URL, .env or ./agent_factory.db to the head
	@$(BIN)/af-db local upgrade

test: $(VENV)/.installed-test ## Run the whole test suite, PostgreSQL included
	@$(BIN)/python -m pytest

test-debian: $(VENV)/.installed-test ## Plans, upgrades and checks on this machine's own PostgreSQL 15
	@AF_DB_TEST_POSTGRESQL=15 $(BIN)/python -m pytest tests/integration/plan tests/integration/check_database \
		tests/integration/test_runs.py tests/acceptance/test_installed.py

check: lint test ## What a developer runs before a commit: lint, then the tests

lint: $(VENV)/.installed-dev ## Format, lint, types, layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.installed-dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only .

bench-smoke: $(VENV)/.installed-test ## Try the benchmarks with small sizes, in under two minutes
	@$(BIN)/python -m benchmarks --short

clean: ## Remove what these commands made, but never a database
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing into $(VENV)"
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "installing what the tests need"
	@$(PIP) -e '.[test]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-test
	@echo "installing the development tools"
	@$(PIP) -e '.[dev]'
	@touch $@
