# Every target sets itself up: a fresh clone and Python 3.11 or newer are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TEST_READY := $(VENV)/.ready-test
# Intel MKL and OpenMP threads of two test processes would fight for the cores
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(shell nproc 2>/dev/null || echo 2)

.PHONY: help install quickstart test test-slow check format clean
help:
	@echo "make quickstart   data, finetuning, before and after, a report: offline, in minutes"
	@echo "make test         the fast tests"
	@echo "make test-slow    the same tests at their full counts"
	@echo "make check        ruff, mypy and the architecture test"
	@echo "make install      only the installation, into .venv"

install: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "got: $$($(PYTHON) --version); expected: Python 3.11 or newer; do this: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(TEST_READY): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[test,tensorboard,curation,search]"
	touch $@

quickstart: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash runs/quickstart.sh

test: $(TEST_READY)
	$(PYTEST) -m "not slow"

test-slow: $(TEST_READY)
	$(PYTEST) --timeout 3600

check: $(TEST_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py

format: $(TEST_READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
