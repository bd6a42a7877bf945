# `make` alone explains itself. Each target sets up what it needs, once, in $(VENV).
PYTHON ?= python3
VENV ?= .venv
OUT ?= out
SEEDS ?= 1
SUITE ?=
ARGS ?=

BIN := $(VENV)/bin
BARE := $(abspath build/bare)
TRY := cd $(BARE) && bin/negatoscope
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
EXPERIMENTS := $(if $(wildcard results/discussion/discussion.json),--discussion results/discussion)
OLD_PYTHON := expected Python 3.11 or newer, got {}.{}; name one, as in: make PYTHON=python3.12

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup reproduce report test check bench torture docs release-check test-timm test-gs format clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "Variables: PYTHON=$(PYTHON) VENV=$(VENV) OUT=$(OUT) SEEDS=$(SEEDS) SUITE=$(SUITE) ARGS=\"more options for the command or for pytest\""
	@echo "Data: from NEGATOSCOPE_DATA_DIR, else the user cache, else a download. See docs/data.md."

setup: $(VENV)/ready-to-develop ## install everything that developing needs

reproduce: $(VENV)/ready-to-run ## train the paper's ten classifiers; write Table I and Figure 1 to OUT
	$(BIN)/negatoscope reproduce table1 --out $(OUT)/table1 --seeds $(SEEDS) $(ARGS)
	$(BIN)/negatoscope reproduce figure1 --out $(OUT)/figure1 --table1 $(OUT)/table1

report: $(VENV)/ready-to-develop ## write what is published of the runs in results/ anew: pages, figures, claims, README
	$(BIN)/negatoscope reproduce table1 --recipes panel --only-report --out results/table1 --format csv > /dev/null
	$(BIN)/negatoscope reproduce sensitivity --only-report --out results/sensitivity
	test ! -f results/sequel/sequel.json || $(BIN)/negatoscope reproduce sequel --only-report --out results/sequel
	test ! -f results/match/match.json || $(BIN)/negatoscope reproduce match --only-report --out results/match --sensitivity results/sensitivity
	test ! -f results/discussion/discussion.json || $(BIN)/negatoscope reproduce discussion --only-report --out results/discussion
	$(BIN)/negatoscope reproduce claims --table1 results/table1 --sensitivity results/sensitivity $(EXPERIMENTS) --out docs/claims.md
	$(BIN)/python tests/test_readme.py

test: $(VENV)/ready-to-develop ## run the tests
	$(BIN)/python -m pytest $(ARGS)

test-timm: $(VENV)-timm/ready ## run the tests of timm's own models, in an environment of a few GB
	$(VENV)-timm/bin/python -m pytest --numprocesses=0 tests/models/test_timm_real.py tests/models/test_timm_name.py

test-gs: $(VENV)/ready-for-gs ## run the tests of Google's store, with an emulator of it on this machine
	$(BIN)/python -m pytest --numprocesses=0 -k gs tests/stores

check: $(VENV)/ready-to-develop ## lint, format, types, and who imports whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/ready-to-bench ## measure speed beside the peers, of one SUITE or of all; see benchmarks/README.md
	$(BIN)/python -m benchmarks $(SUITE) $(ARGS)
	$(BIN)/python -m benchmarks.draw

torture: $(VENV)/ready-to-develop ## go on trying what docs/reliability.md promises, for hours; ARGS="'kill *' --minutes 10"
	nice $(BIN)/python -W ignore -m torture $(ARGS)

docs: $(VENV)/ready-to-docs ## build the documentation as a site in build/site; ARGS=--external lists links that lead out
	rm -rf build/site
	$(BIN)/python -m docs_site $(ARGS)

# The wheel is tried as a user has it: in a bare environment, away from the sources.
release-check: $(VENV)/ready-to-release ## build what would be published to dist/, and try it in a bare environment
	rm -rf dist build $(BARE)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m build --outdir dist
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python tests/release_sizes.py dist
	$(PYTHON) -m venv $(BARE)
	$(BARE)/bin/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt "$$(echo dist/*.whl)[sample]"
	$(TRY) --help
	$(TRY) reproduce table1 --fast --datasets mnist_sample --epsilons 0 --out table1
	$(TRY) audit table1/runs/*/weights.safetensors --data mnist_sample:test --suite negative --out audit
	test -s $(BARE)/audit/report.html
	@echo "dist/ is ready: $(BIN)/python -m twine upload dist/*"

format: $(VENV)/ready-to-develop ## put the code into its one format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## remove the environment and the tools' caches; results and data stay
	rm -rf $(VENV) $(VENV)-timm build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

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

$(VENV)/ready-for-gs: $(VENV)/ready-to-develop
	$(PIP_INSTALL) --group gs
	@touch $@

$(VENV)/ready-to-release: $(VENV)/ready-to-run
	$(PIP_INSTALL) --group release
	@touch $@

$(VENV)/ready-to-docs: $(VENV)/ready-to-run
	$(PIP_INSTALL) --group docs
	@touch $@

$(VENV)/ready-to-bench: $(VENV)/ready-to-develop
	$(PIP_INSTALL) --group bench
	$(PIP_INSTALL) --no-deps --group bench-alone
	@touch $@

# timm needs torchvision, which needs the torch that it was built against; on a CPU of Linux these are the large builds of an index.
$(VENV)-timm/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)-timm
	$(VENV)-timm/bin/python -m pip install --disable-pip-version-check --quiet --upgrade pip
	$(VENV)-timm/bin/python -m pip install --disable-pip-version-check --quiet --editable . --group timm
	@touch $@
