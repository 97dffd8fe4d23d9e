# The project's commands. Only Python 3.11+ and make are needed; everything else is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest
CONSTRAINTS ?= -c constraints.txt
INSTALL := -m pip --disable-pip-version-check install --quiet
PIP := $(BIN)/python $(INSTALL) $(CONSTRAINTS)
# Without bytecode each worker would compile every test anew.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest

.PHONY: help migrate test test-all test-debian test-lowest test-wheel coverage compat mutants lint check format bench-smoke clean

help: ## Show these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

migrate: $(VENV)/.installed ## Migrate the database of DATABASE_URL, .env or ./agent_factory.db to the head
	@$(BIN)/af-db local upgrade
	@echo 'next: $(BIN)/af-db local status; after a change of the models: $(BIN)/af-db local create "add ..."'

test: $(VENV)/.installed-test ## Run the tests, PostgreSQL included, but for slow ones and the middle of long lists
	@$(PYTEST) -m "not slow"

test-all: $(VENV)/.installed-test ## Run them all, slow ones included, with a new process for each command
	@AF_DB_TEST_PROCESSES=new $(PYTEST) --hypothesis-profile=whole

coverage: $(VENV)/.installed-test ## Whether the tests of runs and faults execute 95 % of the branches of engine/
	@$(PYTEST) --cov --cov-report=term tests/unit/migrate/engine tests/acceptance/faults tests/acceptance/torture \
		tests/integration/test_*.py tests/integration/generated tests/integration/plan/test_bound_statements*.py \
		tests/integration/plan/test_saved_plans.py tests/integration/plan/test_own_connections.py

test-debian: $(VENV)/.installed-test ## Plans, upgrades and checks on this machine's own PostgreSQL 15
	@AF_DB_TEST_POSTGRESQL=15 $(PYTEST) tests/integration/plan tests/integration/check_database \
		tests/integration/test_runs.py tests/acceptance/test_installed.py

test-lowest: $(LOWEST)/.installed ## Unit tests and runs with the oldest libraries that pyproject.toml takes
	@$(LOWEST)/bin/python -m pytest tests/unit tests/integration/test_runs.py \
		tests/integration/test_lent_connections.py tests/integration/test_quick.py \
		tests/integration/test_alembic_arguments.py tests/migrations/test_schema.py

compat: $(VENV)/.installed-test ## Real projects from PyPI, with plain Alembic beside: half an hour and 5 GB
	@$(BIN)/python -m tests.compat

mutants: $(VENV)/.installed-test ## Change 200 places of the engine: a test has to notice each. An hour
	@$(PIP) -e '.[mutants]'
	@$(PYTEST) --cov=agent_factory.migrate --cov-context=test --cov-fail-under=0 --cov-report=
	@$(BIN)/python -m tests.mutants --coverage .coverage

check: lint test ## What a developer runs before a commit: lint, then the tests

lint: $(VENV)/.installed-dev ## Format, lint, types, layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yml examples/ci/github-actions.yml
	@$(BIN)/check-jsonschema -q --builtin-schema vendor.github-actions action.yml
	@$(BIN)/check-jsonschema -q --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/w*.yml

test-wheel: ## Build wheel and sdist, install each into an empty environment, and migrate a database with it
	@PYTHON=$(PYTHON) .ci/try-wheel $(DIST)

format: $(VENV)/.installed-dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only .

bench-smoke: $(VENV)/.installed-test ## Try the benchmarks with small sizes, in under two minutes
	@$(BIN)/python -m benchmarks --short

clean: ## Remove what these commands made, but never a database
	rm -rf $(VENV) $(LOWEST) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist

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

$(LOWEST)/.installed: $(VENV)/bin/python pyproject.toml constraints-lowest.txt
	@echo "installing the oldest libraries into $(LOWEST)"
	@rm -rf $(LOWEST)
	@$(BIN)/python -m venv $(LOWEST)
	@$(LOWEST)/bin/python $(INSTALL) -c constraints-lowest.txt -e '.[test]'
	@touch $@
