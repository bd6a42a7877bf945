# `make` alone explains itself. Each target sets up what it needs, once, in $(VENV).
PYTHON ?= python3
VENV ?= .venv
OUT ?= out
SEEDS ?= 1
SUITE ?=
ARGS ?=

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
OLD_PYTHON := expected Python 3.11 or newer, got {}.{}; name one, as in: make PYTHON=python3.12

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup reproduce test check bench format clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "Variables: PYTHON=$(PYTHON) VENV=$(VENV) OUT=$(OUT) SEEDS=$(SEEDS) SUITE=$(SUITE) ARGS=\"more options for the command or for pytest\""
	@echo "Data: from NEGATOSCOPE_DATA_DIR, else the user cache, else a download. See docs/data.md."

setup: $(VENV)/ready-to-develop ## install everything that developing needs

reproduce: $(VENV)/ready-to-run ## train the paper's ten classifiers; write Table I and Figure 1 to OUT
	$(BIN)/negatoscope reproduce table1 --out $(OUT)/table1 --seeds $(SEEDS) $(ARGS)
	$(BIN)/negatoscope reproduce figure1 --out $(OUT)/figure1 --table1 $(OUT)/table1

test: $(VENV)/ready-to-develop ## run the tests
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/ready-to-develop ## lint, format, types, and who imports whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/ready-to-bench ## measure speed beside the peers, of one SUITE or of all; see benchmarks/README.md
	$(BIN)/python -m benchmarks $(SUITE) $(ARGS)
	$(BIN)/python -m benchmarks.draw

format: $(VENV)/ready-to-develop ## put the code into its one format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## remove the environment and the tools' caches; results and data stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# pip comes last into an environment, so its presence means that the environment is whole.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("$(OLD_PYTHON)".format(*v))'
	$(PYTHON) -m venv $(VENV)

# The stamps are written last: an installation that was interrupted is done again, a complete one never is.
$(VENV)/ready-to-run: pyproject.toml constraints.txt | $(BIN)/pip
	$(PIP_INSTALL) --upgrade pip
	$(PIP_INSTALL) --build-constraint constraints.txt --editable '.[sample]'
	@touch $@

$(VENV)/ready-to-develop: $(VENV)/ready-to-run
	$(PIP_INSTALL) --group dev
	@touch $@

$(VENV)/ready-to-bench: $(VENV)/ready-to-develop
	$(PIP_INSTALL) --group bench
	$(PIP_INSTALL) --no-deps --group bench-alone
	@touch $@
