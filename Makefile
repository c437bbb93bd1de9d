# Two commands set everything up, from a fresh clone with Python (with venv), make and git:
#   make demo    runs the main job on real photographs; no key, nothing is spent
#   make test    runs the tests
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Most tests wait for a process or a clock, so a third one keeps two cores busy. Whoever is done takes over from others.
TESTERS := 3
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test confined check bench faults lint clean

help: ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# A stamp for each set of dependencies: a second run finds it and takes no time.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[local]'
	$(BIN)/python -m compileall -q watchd
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[local,dev]'
	$(BIN)/python -m compileall -q watchd
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo ## the main job, end to end, on real photographs
	$(BIN)/watchd demo

test: $(VENV)/.dev ## the tests
	$(BIN)/python -m pytest -n $(TESTERS) --dist worksteal

lint: $(VENV)/.dev ## ruff, mypy strict, import rules, the measures of the house, commit messages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/count_house.py
	$(BIN)/python tools/check_commits.py

# A good part of the suite with its daemons under the limits of their unit; where there is no systemd it says so.
CONFINED := tests/system/test_run.py tests/system/test_originals.py tests/system/test_web.py

confined: $(VENV)/.dev ## tests with daemons confined as systemd/watchd.service does; root
	$(BIN)/python -m pytest -q -n $(TESTERS) --dist worksteal --under-unit $(CONFINED)

check: lint test ## lint, then the tests: what CI runs

bench: $(VENV)/.dev ## the figures, beside what a user would write instead
	$(BIN)/python -m benchmarks

faults: $(VENV)/.dev ## the fault campaigns at their full numbers
	WATCHD_FAULTS=full $(BIN)/python -m pytest tests/system tests/stateful
	$(BIN)/python -m pytest -n $(TESTERS) --dist worksteal --under-unit tests/system

clean: ## remove what these commands made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
