# `make demo` and `make test` set everything up on a fresh machine; `make` lists the targets.
# Options: PYTHON=/path/to/python3.13 to choose the interpreter, VENV=folder for another environment.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Workers of the test suite are the parallelism; BLAS threads on top of them only get in the way.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1

PYTEST := $(BIN)/python -m pytest
WORKERS ?= 2

.PHONY: help setup demo docs notebooks test test-slow test-wheel test-lowest bench lint format wheel clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

# The stamp is newer than what it was made from, or set-up runs again.
$(READY): pyproject.toml constraints.txt .ci/setup
	@PYTHON="$(PYTHON)" .ci/setup $(VENV)
	@touch $@

setup: $(READY)  ## Make the virtual environment

demo: $(READY)  ## Fit simulated data and draw two pictures, into the folder demo/
	@$(BIN)/bayes-mirglmm demo --out demo --force
	@echo "  (source $(VENV)/bin/activate puts bayes-mirglmm on the path)"

docs: $(READY)  ## Build the documents into docs/_build/html
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/_build/html
	@echo "  docs/_build/html/index.html"

notebooks: $(READY)  ## Run the notebooks and the code of the documents, and store what comes out
	$(BIN)/python notebooks/execute.py
	$(BIN)/python docs/execute.py --write docs/start/*.md docs/how_to/*.md docs/explanation/*.md \
		docs/cli.md docs/development.md docs/plots.md docs/reference/model_files.md docs/reference/statuses.md

test: lint  ## Lint, check types, run the tests (those that take minutes are left out)
	$(PYTEST) -n $(WORKERS) -m "not slow"

test-slow: $(READY)  ## Run every test, the slow ones included
	$(PYTEST) -n $(WORKERS)

test-wheel: $(READY)  ## Install the built wheel alone, with each Python that is here, and use it (a few minutes each)
	@$(BIN)/python .ci/check_wheel.py

test-lowest: $(READY)  ## The same at the lowest declared versions of everything
	@$(BIN)/python .ci/check_wheel.py --lowest

bench: $(READY)  ## Measure the speed of all methods, beside R's where R is installed (half an hour)
	$(BIN)/python benchmarks/speed_ml.py
	$(BIN)/python benchmarks/speed_files.py
	$(BIN)/python benchmarks/speed_laplace.py
	$(BIN)/python benchmarks/speed_nuts.py --reference 44
	@echo "  benchmarks/README.md has the commands for accuracy, calibration and agreement."

lint: $(READY)  ## ruff, mypy, which room may import which, imports against declared dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/deptry bayes_mirglmm

format: $(READY)  ## Format the code and apply ruff's safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(READY)  ## Build the wheel and the source distribution into dist/
	$(BIN)/hatchling build

clean:  ## Remove the environment, caches and built files
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist demo docs/_build docs/notebooks
